-- Calls that came to a node and need the memory of another one. Request and answer are sealed; times are microseconds by the
-- database's clock. Only on PostgreSQL are there any, and none for longer than it takes to answer it.

CREATE TABLE forwarded_calls (
    id         TEXT PRIMARY KEY,
    node_id    TEXT NOT NULL,
    request    TEXT,
    answer     TEXT,
    taken_at   BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX forwarded_calls_waiting ON forwarded_calls (node_id, created_at) WHERE taken_at IS NULL;
