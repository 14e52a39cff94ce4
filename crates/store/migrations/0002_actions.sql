-- Settings and simulations: what else a lock can be told, and attempts that are about a workspace as a whole.

ALTER TABLE devices ADD COLUMN can_configure_auto_lock BIGINT NOT NULL DEFAULT 0;
-- Seconds after which the lock locks itself; 0: never; absent: not told.
ALTER TABLE devices ADD COLUMN auto_lock_s BIGINT;
ALTER TABLE devices ADD COLUMN subscription_ended_since BIGINT;
-- An IANA name, told through the API.
ALTER TABLE devices ADD COLUMN time_zone TEXT;

-- The same with an account and a device that may be absent.
CREATE TABLE attempts_2 (
    id            TEXT PRIMARY KEY,
    workspace_id  TEXT NOT NULL,
    account_id    TEXT,
    device_id     TEXT,
    action        TEXT NOT NULL,
    status        TEXT NOT NULL,
    confirmed     BIGINT,
    error_type    TEXT,
    error_message TEXT,
    created_at    BIGINT NOT NULL,
    ended_at      BIGINT
);
INSERT INTO attempts_2 (id, workspace_id, account_id, device_id, action, status, confirmed, error_type, error_message,
                        created_at, ended_at)
    SELECT id, workspace_id, account_id, device_id, action, status, confirmed, error_type, error_message, created_at,
           ended_at
    FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_2 RENAME TO attempts;
CREATE INDEX attempts_by_workspace ON attempts (workspace_id, created_at, id);
CREATE INDEX attempts_by_device ON attempts (device_id, created_at, id);
CREATE INDEX attempts_pending ON attempts (account_id, created_at, id) WHERE ended_at IS NULL;

-- Calls that were made under an idempotency key, and what they were answered. `call_id` is derived from caller, path and
-- key; `answer` is sealed, and absent while the call runs, or if it was interrupted.
CREATE TABLE kept_calls (
    call_id      TEXT NOT NULL,
    workspace_id TEXT,
    body_hash    TEXT NOT NULL,
    answer       TEXT,
    created_at   BIGINT NOT NULL,
    CONSTRAINT kept_call PRIMARY KEY (call_id)
);
CREATE INDEX kept_calls_by_workspace ON kept_calls (workspace_id);
CREATE INDEX kept_calls_by_age ON kept_calls (created_at);
