-- Lists are read by index: each serves a filter by its first column, the order by that column, and the place of a page,
-- which the id decides between equals.

DROP INDEX connector_machine_name;
CREATE INDEX connector_machine_name ON connector (machine_name_folded, id);
DROP INDEX connector_by_group;
CREATE INDEX connector_by_group ON connector (connector_group_id, id);

DROP INDEX application_by_group;
CREATE INDEX application_by_group ON application (connector_group_id, id);
CREATE INDEX application_name ON application (display_name_folded, id);
CREATE INDEX application_created ON application (created, id);
-- URLs are compared without case; those in which they are unique keep it.
CREATE INDEX application_external_url ON application (LOWER(external_url), id);
CREATE INDEX application_internal_url ON application (LOWER(internal_url), id);

CREATE INDEX deleted_application_name ON deleted_application (display_name_folded, id);
