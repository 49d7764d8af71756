-- A client with a live session is not evicted. The column is read out of `data`, so rows that are there have it too.
ALTER TABLE sessions ADD COLUMN client TEXT
    GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN json_extract(data, '$.client') END) VIRTUAL;
CREATE INDEX sessions_client ON sessions (client, state);

-- listing: approved first, the latest approval first, then the newest
CREATE INDEX clients_listing ON clients (approved_at DESC, created_at DESC, id DESC);
