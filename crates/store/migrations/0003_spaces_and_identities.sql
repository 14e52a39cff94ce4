-- Spaces, user identities, and what each of them holds.

CREATE TABLE spaces (
    id            TEXT PRIMARY KEY,
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id),
    name          TEXT NOT NULL,
    space_key     TEXT,
    customer_key  TEXT,
    customer_data TEXT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX space_key ON spaces (workspace_id, space_key) WHERE space_key IS NOT NULL;
CREATE INDEX spaces_by_workspace ON spaces (workspace_id, created_at, id);

-- Devices that were put into a space by themselves.
CREATE TABLE space_devices (
    space_id  TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    PRIMARY KEY (space_id, device_id)
);
CREATE INDEX space_devices_by_device ON space_devices (device_id);

-- Accounts that were put into a space with all their devices.
CREATE TABLE space_accounts (
    space_id   TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (space_id, account_id)
);
CREATE INDEX space_accounts_by_account ON space_accounts (account_id);

-- An identity that was merged into another one keeps its id and its key, and nothing else.
CREATE TABLE user_identities (
    id                TEXT PRIMARY KEY,
    workspace_id      TEXT NOT NULL REFERENCES workspaces (id),
    user_identity_key TEXT,
    email_address     TEXT,
    phone_number      TEXT,
    full_name         TEXT,
    merged_into       TEXT REFERENCES user_identities (id) ON DELETE CASCADE,
    created_at        BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_identity_key ON user_identities (workspace_id, user_identity_key)
    WHERE user_identity_key IS NOT NULL;
CREATE UNIQUE INDEX email_address ON user_identities (workspace_id, email_address) WHERE email_address IS NOT NULL;
CREATE UNIQUE INDEX phone_number ON user_identities (workspace_id, phone_number) WHERE phone_number IS NOT NULL;
CREATE INDEX identities_by_workspace ON user_identities (workspace_id, created_at, id);
CREATE INDEX identities_by_merger ON user_identities (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE device_grants (
    user_identity_id TEXT NOT NULL REFERENCES user_identities (id) ON DELETE CASCADE,
    device_id        TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    granted_at       BIGINT NOT NULL,
    PRIMARY KEY (user_identity_id, device_id)
);
CREATE INDEX device_grants_by_device ON device_grants (device_id);

ALTER TABLE client_sessions ADD COLUMN user_identity_id TEXT REFERENCES user_identities (id);
CREATE INDEX sessions_by_identity ON client_sessions (user_identity_id) WHERE user_identity_id IS NOT NULL;

ALTER TABLE events ADD COLUMN space_id TEXT;
CREATE INDEX events_by_space ON events (space_id, created_at, sequence) WHERE space_id IS NOT NULL;
