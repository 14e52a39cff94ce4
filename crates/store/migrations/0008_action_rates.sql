-- When the next movement of a lock would be due without a limit, in microseconds: where several nodes count together.

CREATE TABLE action_rates (
    device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    action    TEXT NOT NULL,
    due_at    BIGINT NOT NULL,
    PRIMARY KEY (device_id, action)
);

-- A virtual lock that is limited as a real one is.
ALTER TABLE devices ADD COLUMN limited_like_real BIGINT NOT NULL DEFAULT 0;
