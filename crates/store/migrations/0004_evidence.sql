-- Why an attempt ended as it did: its stages in words, and the message that decided, sealed. Both come with the end.

ALTER TABLE attempts ADD COLUMN evidence TEXT;
ALTER TABLE attempts ADD COLUMN words TEXT;
