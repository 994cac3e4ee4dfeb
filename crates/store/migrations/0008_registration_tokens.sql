-- Registration tokens can be for one machine alone, and are listed while they can be used. Those that were made before are
-- for any machine, and it is not known when they were made.

ALTER TABLE registration_token ADD COLUMN machine_name TEXT;
ALTER TABLE registration_token ADD COLUMN machine_name_folded TEXT;
ALTER TABLE registration_token ADD COLUMN created TEXT;
