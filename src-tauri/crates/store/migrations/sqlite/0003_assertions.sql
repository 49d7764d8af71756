-- Assertions of clients that were used, as hashes, for as long as each could be used again.
CREATE TABLE assertions (
    hash       TEXT    NOT NULL PRIMARY KEY,
    -- the whole request, so that its repetition is known
    request    TEXT    NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX assertions_expiry ON assertions (expires_at);
