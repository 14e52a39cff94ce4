-- A delivery's id follows from its event and its webhook, so the primary key finds it by them, and keeps an event from having two
-- to one webhook. What is old is found by its webhook and its age. Each index costs every delivery a place.

DROP INDEX deliveries_by_event;
DROP INDEX deliveries_by_age;
