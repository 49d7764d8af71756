-- The identity provider says who signed out there by the session's `sid`, of which the hash is in `data`; anybody may ask.
ALTER TABLE sessions ADD COLUMN upstream_sid TEXT
    GENERATED ALWAYS AS (CASE WHEN json_valid(data) THEN json_extract(data, '$.upstream_session.sid') END) VIRTUAL;
CREATE INDEX sessions_upstream ON sessions (upstream_sid, state) WHERE upstream_sid IS NOT NULL;
