-- A caller may have put anything into an idempotency key, secrets too: only its keyed hash is kept. The program hashes
-- those that are there.

ALTER TABLE idempotency RENAME COLUMN key TO key_hash;
