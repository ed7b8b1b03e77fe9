-- The seq of the event that began the room's epoch. A room of before has its first one,
-- which began with its creation.
ALTER TABLE rooms ADD COLUMN epoch_seq INTEGER NOT NULL DEFAULT 1;
