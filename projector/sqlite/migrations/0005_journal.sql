-- The events that are not in their place in events yet, in the order of their arrival: a
-- row for each transaction (recent.go says how an entry is written). They move on to events
-- once their room has a page of them.
CREATE TABLE journal (
    n       INTEGER PRIMARY KEY,
    entries BLOB    NOT NULL
);
