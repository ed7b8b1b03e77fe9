-- Which history this is: a Redis belongs to one.
CREATE TABLE history (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL);
INSERT INTO history (one, id) VALUES (1, lower(hex(randomblob(10))));
