-- Several nodes on one PostgreSQL. On SQLite there is one, and these stay empty.
--
-- `taken_by` is the node whose queue the attempt is in: only from then on may its command be written, and what a node that
-- is gone had taken is never written again. Of one that another node accepted than its hub's, `waits_since` is when, by the
-- database's clock, and `command` what its action alone does not tell: sealed, gone at its end.

ALTER TABLE attempts ADD COLUMN taken_by TEXT;
ALTER TABLE attempts ADD COLUMN waits_since BIGINT;
ALTER TABLE attempts ADD COLUMN command TEXT;
