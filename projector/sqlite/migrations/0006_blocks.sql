-- A row for each event of 0.3 KB cost as much as a row for a block of them (recent.go says
-- how an entry is written). first and last are the seqs of its entries, which are dense.
-- It has a rowid: in a table without, each comparison on the way to a row would read all
-- of another block.
CREATE TABLE blocks (
    room    TEXT    NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    entries BLOB    NOT NULL
);
CREATE UNIQUE INDEX blocks_by_room ON blocks (room, first);

INSERT INTO blocks (room, first, last, entries)
SELECT room, seq, seq, CAST(seq || ' ' || length(payload) || ' ' || room || char(10) || payload AS BLOB)
FROM events ORDER BY room, seq;

DROP TABLE events;
