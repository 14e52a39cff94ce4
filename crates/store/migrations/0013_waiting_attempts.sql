-- Each attempt that a node accepts for a lock of its own is looked up here first: others of that lock may wait to be taken.
CREATE INDEX attempts_waiting ON attempts (device_id) WHERE waits_since IS NOT NULL AND taken_by IS NULL AND ended_at IS NULL;
