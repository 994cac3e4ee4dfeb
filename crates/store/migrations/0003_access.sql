-- Who may use applications and who owns them: service principals, app role assignments, owners. The settings of the
-- whole directory. Unique names of applications.

CREATE TABLE service_principal (
    id TEXT PRIMARY KEY NOT NULL,
    app_id TEXT NOT NULL UNIQUE REFERENCES application (app_id),
    display_name TEXT NOT NULL,
    display_name_folded TEXT NOT NULL,
    created TEXT NOT NULL,
    attributes TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX service_principal_name ON service_principal (display_name_folded, id);

CREATE TABLE app_role_assignment (
    id TEXT PRIMARY KEY NOT NULL,
    app_role TEXT NOT NULL,
    -- Users and groups are the issuers' own, so this refers to no table.
    principal_id TEXT NOT NULL,
    principal_kind TEXT NOT NULL CHECK (principal_kind IN ('user', 'group', 'service_principal')),
    -- The names of service principals are kept up with them.
    principal_name TEXT,
    principal_name_folded TEXT,
    resource_id TEXT NOT NULL REFERENCES service_principal (id),
    resource_name TEXT NOT NULL,
    resource_name_folded TEXT NOT NULL,
    created TEXT NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (resource_id, principal_id, app_role)
);
CREATE INDEX app_role_assignment_resource ON app_role_assignment (resource_id, id);
CREATE INDEX app_role_assignment_principal ON app_role_assignment (principal_id, id);

CREATE TABLE owner (
    application_id TEXT NOT NULL REFERENCES application (id),
    id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'group', 'service_principal')),
    name TEXT,
    PRIMARY KEY (application_id, id)
);
CREATE INDEX owner_id ON owner (id);

-- The settings of the whole directory. One row.
CREATE TABLE profile (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    is_enabled TEXT NOT NULL CHECK (is_enabled IN ('true', 'false')),
    is_default_access_enabled TEXT NOT NULL CHECK (is_default_access_enabled IN ('true', 'false')),
    -- When connectors may update themselves, as JSON.
    updater TEXT NOT NULL,
    revision BIGINT NOT NULL
);
INSERT INTO profile (only_row, is_enabled, is_default_access_enabled, updater, revision)
VALUES (1, 'true', 'false', '{"allow_override":false,"defer_until":null,"window":null}', 0);

-- Taken from the attributes, for the rows that are there already by the program, which folds names as it always does.
ALTER TABLE application ADD COLUMN unique_name_folded TEXT;
CREATE UNIQUE INDEX application_unique_name ON application (unique_name_folded)
WHERE unique_name_folded IS NOT NULL;

-- A published application has a service principal; those that were published before get theirs. Its id is random, in
-- the form of UUID version 4.
INSERT INTO service_principal (id, app_id, display_name, display_name_folded, created, attributes, revision)
SELECT
    LOWER(
        HEX(RANDOMBLOB(4)) || '-' || HEX(RANDOMBLOB(2)) || '-4' || SUBSTR(HEX(RANDOMBLOB(2)), 2) || '-a'
        || SUBSTR(HEX(RANDOMBLOB(2)), 2) || '-' || HEX(RANDOMBLOB(6))
    ),
    app_id,
    display_name,
    display_name_folded,
    created,
    '{"tags":["WindowsAzureActiveDirectoryIntegratedApp","WindowsAzureActiveDirectoryOnPremApp"]}',
    revision
FROM application
WHERE publishing IS NOT NULL;

-- The tags by which clients find published applications were added whenever one was shown; now they are kept.
UPDATE application
SET attributes = json_set(attributes, '$.tags', (
    SELECT json_group_array(value) FROM (
        SELECT value FROM json_each(COALESCE(json_extract(application.attributes, '$.tags'), '[]'))
        WHERE value NOT IN ('WindowsAzureActiveDirectoryIntegratedApp', 'WindowsAzureActiveDirectoryOnPremApp')
        UNION ALL SELECT 'WindowsAzureActiveDirectoryIntegratedApp'
        UNION ALL SELECT 'WindowsAzureActiveDirectoryOnPremApp'
    )
))
WHERE publishing IS NOT NULL;
