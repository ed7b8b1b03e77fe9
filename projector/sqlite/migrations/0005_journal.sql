-- The events that are not in their place in events yet, in the order of their arrival: a
-- row for each transaction, with the payloads of its events, a line each. They move on to
-- events once their room has a page of them.
CREATE TABLE journal (
    n        INTEGER PRIMARY KEY,
    payloads BLOB    NOT NULL
);
