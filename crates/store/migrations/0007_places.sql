-- External URLs have one spelling. The columns that are taken from them (`external_url`, `external_place`,
-- `alternate_place`) are written anew by the program, which knows it, when a directory comes to this version.
SELECT 1;
