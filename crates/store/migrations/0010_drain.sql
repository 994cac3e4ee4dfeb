-- A connector is drained as it was started: by the instance id that the process says in its hello, so that a new start of
-- it serves again.

ALTER TABLE tunnel ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE connector ADD COLUMN drained_instance TEXT;
