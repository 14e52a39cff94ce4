-- A writer with a lease is a node: it lives until `lease_until`, which each of its batches and beats puts off, and has
-- ended once somebody says so; what it would write after that is refused. One that is `leaving` takes no more accounts. The
-- backend is the process of the database behind its writing connection.

ALTER TABLE writers ADD COLUMN lease_until TIMESTAMPTZ;
ALTER TABLE writers ADD COLUMN ended BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE writers ADD COLUMN leaving BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE writers ADD COLUMN backend_pid INTEGER;
ALTER TABLE writers ADD COLUMN backend_start TEXT;

-- Which node commands the hub of an account: none, or one that has not ended. `fence` grows with each change.
CREATE TABLE account_owners (
    account_id TEXT COLLATE "C" PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    node_id    TEXT COLLATE "C",
    fence      BIGINT NOT NULL
);
CREATE INDEX account_owners_by_node ON account_owners (node_id);
