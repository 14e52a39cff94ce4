-- With a publishable key, which is no secret, a user identifier key opens its user's client session: it is kept sealed,
-- and found by its keyed hash. The program hashes and seals those that are there.

ALTER TABLE client_sessions RENAME COLUMN user_identifier_key TO user_identifier_hash;
ALTER TABLE client_sessions ADD COLUMN user_identifier_key TEXT;
