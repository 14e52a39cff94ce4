-- Found by their device (and in the order of time), attempts and events cost a page each: every device adds in a place of its
-- own. So the devices share four runs: the digit of an id that is 8, 9, a or b. Rows come in at the ends of four runs, and
-- whoever looks for a device walks through a quarter of the index.

DROP INDEX attempts_by_device;
CREATE INDEX attempts_by_device ON attempts (substr(device_id, 20, 1), created_at, device_id);
DROP INDEX events_by_device;
CREATE INDEX events_by_device ON events (substr(device_id, 20, 1), created_at, device_id);
