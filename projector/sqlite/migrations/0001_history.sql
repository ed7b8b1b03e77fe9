-- Every table is clustered by what it is asked for (WITHOUT ROWID), so that a page is
-- one descent and a walk. Ids are text of 20 characters, times milliseconds since 1970.

-- The archive: each event once, as the canonical JSON it was accepted as.
CREATE TABLE events (
    room    TEXT    NOT NULL,
    seq     INTEGER NOT NULL,
    payload BLOB    NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;

-- The views: all of them can be made again from events.

-- seq is that of the newest event in all the views.
CREATE TABLE rooms (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    visibility TEXT    NOT NULL,
    epoch      TEXT    NOT NULL, -- empty: the room's creation was lost
    created_at INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    state_seq  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX rooms_public ON rooms (id) WHERE visibility = 'public';

-- Who left keeps a row with an empty role; seq is that of the event that last changed it.
CREATE TABLE members (
    room  TEXT    NOT NULL,
    user  TEXT    NOT NULL,
    name  TEXT    NOT NULL,
    guest INTEGER NOT NULL,
    role  TEXT    NOT NULL,
    seq   INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user, room) WHERE role <> '';

CREATE TABLE messages (
    room         TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    author       TEXT    NOT NULL,
    author_name  TEXT    NOT NULL,
    author_guest INTEGER NOT NULL,
    body         TEXT    NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;

-- Idempotency keys of all events, for ever.
CREATE TABLE keys (
    room TEXT    NOT NULL,
    user TEXT    NOT NULL,
    key  TEXT    NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (room, user, key)
) WITHOUT ROWID;

-- Accounts and sessions are no views: nothing can make them again.

CREATE TABLE accounts (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    guest         INTEGER NOT NULL,
    name_key      TEXT    NOT NULL, -- empty: a guest
    password_hash TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX accounts_by_name ON accounts (name_key) WHERE name_key <> '';

CREATE TABLE sessions (
    token_hash TEXT    NOT NULL PRIMARY KEY,
    id         TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    guest      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    user_agent TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user, created_at, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
