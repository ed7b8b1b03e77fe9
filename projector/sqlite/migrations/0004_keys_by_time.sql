-- The key comes first. Those of a moment (UUIDv7 begin with the time) are then on the same
-- few pages, whatever their rooms, and a transaction does not write a page for each room.
ALTER TABLE keys RENAME TO keys_by_room;
CREATE TABLE keys (
    key  TEXT    NOT NULL,
    room TEXT    NOT NULL,
    user TEXT    NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (key, room, user)
) WITHOUT ROWID;
INSERT INTO keys (key, room, user, seq) SELECT key, room, user, seq FROM keys_by_room ORDER BY key;
DROP TABLE keys_by_room;
