-- Every table holds what is looked up, ordered or expired by as columns, and the whole value as JSON in `data`.
-- Times are milliseconds since the Unix epoch. Credentials are SHA-256 in base64url or sealed, never plain.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE clients (
    id          TEXT    NOT NULL PRIMARY KEY,
    created_at  INTEGER NOT NULL,
    approved_at INTEGER,
    data        TEXT    NOT NULL
) STRICT;
-- eviction: the oldest nobody ever approved
CREATE INDEX clients_unapproved ON clients (created_at, id) WHERE approved_at IS NULL;

CREATE TABLE grants (
    id           TEXT    NOT NULL PRIMARY KEY,
    revision     INTEGER NOT NULL,
    stage        TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    code         TEXT,
    created_at   INTEGER NOT NULL,
    forgotten_at INTEGER NOT NULL,
    data         TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX grants_code ON grants (code) WHERE code IS NOT NULL;
-- eviction: the oldest nobody signed in for, once there are too many
CREATE INDEX grants_stage ON grants (stage, created_at, id);
-- a client with an open grant is not evicted
CREATE INDEX grants_client ON grants (client, stage);
CREATE INDEX grants_forgotten ON grants (forgotten_at);

CREATE TABLE sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    state      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    data       TEXT    NOT NULL
) STRICT;
CREATE INDEX sessions_expiry ON sessions (state, expires_at);

CREATE TABLE refresh_tokens (
    hash       TEXT    NOT NULL PRIMARY KEY,
    session    TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    used_at    INTEGER,
    -- sealed, as JSON; not part of `data`, and NULL again once nobody may ask for it
    answer     TEXT,
    expires_at INTEGER NOT NULL,
    data       TEXT    NOT NULL
) STRICT;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_answers ON refresh_tokens (used_at) WHERE answer IS NOT NULL;

CREATE TABLE consents (
    browser      TEXT    NOT NULL,
    client       TEXT    NOT NULL,
    redirect_uri TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL,
    data         TEXT    NOT NULL,
    PRIMARY KEY (browser, client, redirect_uri)
) STRICT;
CREATE INDEX consents_expiry ON consents (expires_at);

-- AUTOINCREMENT: a position once given is never given again, so paging by it stays true after old events went
CREATE TABLE events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    attempt  TEXT,
    session  TEXT,
    -- 1 if it names neither a session nor a person
    stranger INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    data     TEXT    NOT NULL
) STRICT;
CREATE INDEX events_attempt ON events (attempt, seq) WHERE attempt IS NOT NULL;
CREATE INDEX events_session ON events (session, seq) WHERE session IS NOT NULL;
CREATE INDEX events_at ON events (at);
-- the cut: strangers and people each have their share
CREATE INDEX events_share ON events (stranger, seq);
