-- The first schema. Times are microseconds since 1970, UTC. Ids are UUIDs as 36 characters of text. Truth values are
-- 0 and 1. JSON is kept as text and never taken apart in SQL.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE operators (
    id         TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE workspaces (
    id                      TEXT PRIMARY KEY,
    name                    TEXT NOT NULL,
    company_name            TEXT NOT NULL,
    is_sandbox              BIGINT NOT NULL,
    is_suspended            BIGINT NOT NULL,
    publishable_key_enabled BIGINT NOT NULL,
    publishable_key         TEXT,
    customization           TEXT NOT NULL,
    created_at              BIGINT NOT NULL
);

CREATE TABLE keys (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    workspace_id TEXT REFERENCES workspaces (id),
    operator_id  TEXT REFERENCES operators (id),
    name         TEXT NOT NULL,
    short        TEXT NOT NULL,
    long_hash    TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    CONSTRAINT key_short UNIQUE (kind, short)
);
CREATE INDEX keys_by_workspace ON keys (workspace_id, created_at, id);

-- `config` is sealed.
CREATE TABLE accounts (
    id                  TEXT PRIMARY KEY,
    workspace_id        TEXT NOT NULL REFERENCES workspaces (id),
    provider            TEXT NOT NULL,
    display_name        TEXT NOT NULL,
    hub_key             TEXT NOT NULL,
    config              TEXT NOT NULL,
    custom_metadata     TEXT NOT NULL,
    customer_key        TEXT,
    manages_new_devices BIGINT NOT NULL,
    link                TEXT NOT NULL,
    link_message        TEXT,
    link_since          BIGINT,
    first_sync_done     BIGINT NOT NULL,
    created_at          BIGINT NOT NULL,
    CONSTRAINT hub_key UNIQUE (workspace_id, hub_key)
);
CREATE INDEX accounts_by_workspace ON accounts (workspace_id, created_at, id);
CREATE INDEX accounts_by_customer ON accounts (workspace_id, customer_key) WHERE customer_key IS NOT NULL;

-- `token` is sealed. A retired session has given its user identifier key up.
CREATE TABLE client_sessions (
    id                  TEXT PRIMARY KEY,
    workspace_id        TEXT NOT NULL REFERENCES workspaces (id),
    short               TEXT NOT NULL,
    long_hash           TEXT NOT NULL,
    token               TEXT NOT NULL,
    user_identifier_key TEXT,
    customer_key        TEXT,
    retired             BIGINT NOT NULL DEFAULT 0,
    created_at          BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    revoked_at          BIGINT,
    CONSTRAINT session_short UNIQUE (short)
);
CREATE UNIQUE INDEX user_identifier_key ON client_sessions (workspace_id, user_identifier_key)
    WHERE user_identifier_key IS NOT NULL AND retired = 0;
CREATE INDEX sessions_by_workspace ON client_sessions (workspace_id, created_at, id);

CREATE TABLE session_accounts (
    session_id TEXT NOT NULL REFERENCES client_sessions (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    place      BIGINT NOT NULL,
    PRIMARY KEY (session_id, account_id)
);
CREATE INDEX session_accounts_by_account ON session_accounts (account_id);

CREATE TABLE devices (
    id                TEXT PRIMARY KEY,
    workspace_id      TEXT NOT NULL REFERENCES workspaces (id),
    account_id        TEXT NOT NULL REFERENCES accounts (id),
    provider          TEXT NOT NULL,
    native_id         TEXT NOT NULL,
    name              TEXT NOT NULL,
    device_type       TEXT NOT NULL,
    manufacturer      TEXT NOT NULL,
    manufacturer_name TEXT NOT NULL,
    model             TEXT NOT NULL,
    serial_number     TEXT,
    can_lock          BIGINT NOT NULL,
    can_unlock        BIGINT NOT NULL,
    has_keypad        BIGINT NOT NULL,
    has_direct_power  BIGINT NOT NULL,
    nickname          TEXT,
    custom_metadata   TEXT NOT NULL,
    is_managed        BIGINT NOT NULL,
    bolt              TEXT,
    fresh             BIGINT NOT NULL,
    jammed_since      BIGINT,
    door_open         BIGINT,
    reach             TEXT NOT NULL,
    reach_since       BIGINT,
    battery           DOUBLE PRECISION,
    reported_at       BIGINT,
    created_at        BIGINT NOT NULL,
    CONSTRAINT native_id UNIQUE (account_id, native_id)
);
CREATE INDEX devices_by_workspace ON devices (workspace_id, created_at, id);

-- Attempts outlive their devices and accounts, so they reference neither.
CREATE TABLE attempts (
    id            TEXT PRIMARY KEY,
    workspace_id  TEXT NOT NULL,
    account_id    TEXT NOT NULL,
    device_id     TEXT NOT NULL,
    action        TEXT NOT NULL,
    status        TEXT NOT NULL,
    confirmed     BIGINT,
    error_type    TEXT,
    error_message TEXT,
    created_at    BIGINT NOT NULL,
    ended_at      BIGINT
);
CREATE INDEX attempts_by_workspace ON attempts (workspace_id, created_at, id);
CREATE INDEX attempts_by_device ON attempts (device_id, created_at, id);
CREATE INDEX attempts_pending ON attempts (account_id, created_at, id) WHERE ended_at IS NULL;

-- Events outlive what they are about. `sequence` is the order of commits, and no number is ever used again.
CREATE TABLE events (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id     TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    type         TEXT NOT NULL,
    device_id    TEXT,
    account_id   TEXT,
    attempt_id   TEXT,
    occurred_at  BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    detail       TEXT NOT NULL,
    CONSTRAINT event_id UNIQUE (event_id)
);
CREATE INDEX events_by_workspace ON events (workspace_id, created_at, sequence);
CREATE INDEX events_by_device ON events (device_id, created_at, sequence);
CREATE INDEX events_by_account ON events (account_id, created_at, sequence);

CREATE TABLE idempotency (
    workspace_id TEXT NOT NULL,
    credential   TEXT NOT NULL,
    path         TEXT NOT NULL,
    key          TEXT NOT NULL,
    body_hash    TEXT NOT NULL,
    attempt_id   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    CONSTRAINT idempotency_key PRIMARY KEY (workspace_id, credential, path, key)
);
CREATE INDEX idempotency_by_age ON idempotency (workspace_id, created_at);
