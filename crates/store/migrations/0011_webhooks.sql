-- Webhooks. `secret` and `previous_secret` are sealed. Every event up to `queued_until` that a webhook wants has its row in
-- `webhook_deliveries`; the events after it are their own queue.

CREATE TABLE webhooks (
    id              TEXT PRIMARY KEY,
    workspace_id    TEXT NOT NULL REFERENCES workspaces (id),
    url             TEXT NOT NULL,
    event_types     TEXT NOT NULL,
    secret          TEXT NOT NULL,
    previous_secret TEXT,
    previous_until  BIGINT,
    queued_until    BIGINT NOT NULL,
    failing_since   BIGINT,
    disabled_at     BIGINT,
    created_at      BIGINT NOT NULL
);
CREATE INDEX webhooks_by_workspace ON webhooks (workspace_id, created_at, id);

-- `due_at` is when the next attempt is due; none once it is over. Until `claimed_until` one node has it in hand.
CREATE TABLE webhook_deliveries (
    id            TEXT PRIMARY KEY,
    webhook_id    TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id      TEXT NOT NULL,
    event_type    TEXT NOT NULL,
    sequence      BIGINT NOT NULL,
    status        TEXT NOT NULL,
    due_at        BIGINT,
    claimed_until BIGINT,
    attempts      TEXT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON webhook_deliveries (webhook_id, due_at, sequence) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_webhook ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX deliveries_by_age ON webhook_deliveries (created_at);
