-- An event has one delivery to a webhook, whoever makes it: the courier, or a replay of what it was not told of.

CREATE UNIQUE INDEX deliveries_by_event ON webhook_deliveries (event_id, webhook_id);
