-- How many hours a connector had no tunnel at a stretch, of those in which it could have had one.

ALTER TABLE connector ADD COLUMN unseen_hours BIGINT NOT NULL DEFAULT 0;
