-- The views say only what the archive does not. Which events are messages is kept as
-- runs of them in a row; how far the views are is how far the archive is.

-- last is the largest integer while the run goes on. A run may begin where one ends.
CREATE TABLE posts (
    room  TEXT    NOT NULL,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    PRIMARY KEY (room, first)
) WITHOUT ROWID;

INSERT INTO posts (room, first, last)
SELECT room, min(seq), max(seq)
FROM (SELECT room, seq, seq - row_number() OVER (PARTITION BY room ORDER BY seq) AS run FROM messages)
GROUP BY room, run;

DROP TABLE messages;
ALTER TABLE rooms DROP COLUMN seq;
