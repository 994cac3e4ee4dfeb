-- A new directory starts before its first revision, in its first epoch.
INSERT INTO position (only_row, epoch, revision) VALUES (1, 1, 0);
