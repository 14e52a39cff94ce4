-- The versions of what is read and then changed as a whole, where several nodes may do so at once.

CREATE TABLE versions (
    name    TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);
