-- The directory on PostgreSQL, and on what speaks like it: all that the files of SQLite come to up to this number. The
-- next versions have a file for each engine.
--
-- Text is ordered, compared and folded by bytes, as SQLite does, whatever the order of the database. An entry of an index
-- has 2,704 bytes at most, and URLs and unique names have no limit: these are unique by their MD5, which both YugabyteDB
-- and CockroachDB know as well. It keeps two writers apart and guards no secret.

-- Where in its history the directory is. One row; locking it is the one write lock.
CREATE TABLE position (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
-- A new directory starts before its first revision, in its first epoch.
INSERT INTO position (only_row, epoch, revision) VALUES (1, 1, 0);

-- Which server serves the directory. One row; on SQLite a lock on a file does this.
CREATE TABLE server (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    -- The number that a server drew when it started; nothing while there is none. Whoever finds another one writes nothing.
    holder TEXT COLLATE "C",
    -- Process and machine of the holder, for people.
    holder_name TEXT COLLATE "C",
    -- Until when the holder is waited for, by the clock of the database.
    held_until TEXT COLLATE "C",
    -- The fingerprint of the authority in the data folder that the directory belongs to; nothing before the first start.
    authority TEXT COLLATE "C",
    CHECK ((holder IS NULL) = (held_until IS NULL))
);
INSERT INTO server (only_row) VALUES (1);

CREATE TABLE connector_group (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_folded TEXT COLLATE "C" NOT NULL UNIQUE,
    region TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('default', 'ordinary')),
    revision BIGINT NOT NULL
);
-- There is one default group.
CREATE UNIQUE INDEX connector_group_default ON connector_group (kind) WHERE kind = 'default';

CREATE TABLE connector (
    id TEXT COLLATE "C" PRIMARY KEY,
    machine_name TEXT COLLATE "C" NOT NULL,
    machine_name_folded TEXT COLLATE "C" NOT NULL,
    external_ip TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    connector_group_id TEXT COLLATE "C" NOT NULL REFERENCES connector_group (id),
    key_generation BIGINT NOT NULL,
    -- The newest key generation under which a tunnel was up.
    seen_generation BIGINT NOT NULL,
    created TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    -- Whether its software is too old for the gateways.
    needs_upgrade TEXT COLLATE "C" NOT NULL DEFAULT 'false' CHECK (needs_upgrade IN ('true', 'false')),
    -- When it was noticed that its key was copied; nothing once the connector was registered anew.
    key_copied_at TEXT COLLATE "C",
    -- The instance id that is drained, as the process says it in its hello: a new start of it serves again.
    drained_instance TEXT COLLATE "C",
    -- How many hours it had no tunnel at a stretch, of those in which it could have had one.
    unseen_hours BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX connector_machine_name ON connector (machine_name_folded, id);
CREATE INDEX connector_by_group ON connector (connector_group_id, id);

CREATE TABLE application (
    id TEXT COLLATE "C" PRIMARY KEY,
    app_id TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT COLLATE "C" NOT NULL,
    display_name_folded TEXT COLLATE "C" NOT NULL,
    created TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    -- How it is published, as JSON; URLs, places and group are taken from it.
    publishing TEXT COLLATE "C",
    external_url TEXT COLLATE "C",
    -- Host and path of the external URL, without the port.
    external_place TEXT COLLATE "C",
    internal_url TEXT COLLATE "C",
    connector_group_id TEXT COLLATE "C" REFERENCES connector_group (id),
    revision BIGINT NOT NULL,
    unique_name_folded TEXT COLLATE "C",
    -- The same of the alternate URL.
    alternate_place TEXT COLLATE "C",
    CHECK ((publishing IS NULL) = (connector_group_id IS NULL))
);
CREATE UNIQUE INDEX application_external_place ON application (md5(external_place));
CREATE UNIQUE INDEX application_alternate_place ON application (md5(alternate_place));
CREATE UNIQUE INDEX application_internal_url ON application (md5(internal_url));
CREATE UNIQUE INDEX application_unique_name ON application (md5(unique_name_folded))
WHERE unique_name_folded IS NOT NULL;
CREATE INDEX application_by_group ON application (connector_group_id, id);
CREATE INDEX application_name ON application (display_name_folded, id);
CREATE INDEX application_created ON application (created, id);
-- Delta queries: live applications by revision.
CREATE INDEX application_by_revision ON application (revision, id);
-- What the service principal of the API refers to. It is no application to anybody: no list and no look-up finds it.
INSERT INTO application (id, app_id, display_name, display_name_folded, created, attributes, revision)
VALUES (
    '00000003-0000-0000-c000-000000000000', '00000003-0000-0000-c000-000000000000', 'Microsoft Graph',
    'microsoft graph', '2026-01-01T00:00:00.000000000Z', '{}', 0
);

-- Deleted applications that can still be restored: the columns of an application, without what must be unique among the
-- live ones, and without a reference to its group, which may go meanwhile.
CREATE TABLE deleted_application (
    id TEXT COLLATE "C" PRIMARY KEY,
    app_id TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT COLLATE "C" NOT NULL,
    display_name_folded TEXT COLLATE "C" NOT NULL,
    created TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    publishing TEXT COLLATE "C",
    external_url TEXT COLLATE "C",
    internal_url TEXT COLLATE "C",
    connector_group_id TEXT COLLATE "C",
    revision BIGINT NOT NULL,
    deleted TEXT COLLATE "C" NOT NULL,
    -- What went with it and comes back with it, as JSON: service principal, assignments, owners.
    access TEXT COLLATE "C",
    CHECK ((publishing IS NULL) = (connector_group_id IS NULL))
);
CREATE INDEX deleted_application_deleted ON deleted_application (deleted);
CREATE INDEX deleted_application_name ON deleted_application (display_name_folded, id);

-- At most one for each application, live or deleted.
CREATE TABLE certificate (
    application_id TEXT COLLATE "C" PRIMARY KEY,
    -- SHA-1 of the certificate, in upper-case hexadecimal.
    thumbprint TEXT COLLATE "C" NOT NULL,
    subject_name TEXT COLLATE "C" NOT NULL,
    issuer_name TEXT COLLATE "C" NOT NULL,
    issued TEXT COLLATE "C" NOT NULL,
    expires TEXT COLLATE "C" NOT NULL,
    -- The names and addresses that it is for, as a JSON array.
    names TEXT COLLATE "C" NOT NULL,
    -- Which key it is sealed under; not the key.
    sealing_key_id TEXT COLLATE "C" NOT NULL,
    -- Chain and private key, sealed, in hexadecimal.
    sealed TEXT COLLATE "C" NOT NULL
);

CREATE TABLE registration_token (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- SHA-256 of the secret, in hexadecimal; the secret itself is never stored.
    secret_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    connector_group_id TEXT COLLATE "C" NOT NULL REFERENCES connector_group (id),
    expires_at TEXT COLLATE "C" NOT NULL,
    redeemed_at TEXT COLLATE "C",
    -- SHA-256 of the public key it was redeemed with, in hexadecimal.
    redeemed_key TEXT COLLATE "C",
    connector_id TEXT COLLATE "C",
    key_generation BIGINT,
    -- The one machine that it is for; nothing where it is for any.
    machine_name TEXT COLLATE "C",
    machine_name_folded TEXT COLLATE "C",
    created TEXT COLLATE "C"
);
CREATE INDEX registration_token_connector ON registration_token (connector_id);

-- A row is a live tunnel: written when it comes up, deleted when it goes down.
CREATE TABLE tunnel (
    id TEXT COLLATE "C" PRIMARY KEY,
    connector_id TEXT COLLATE "C" NOT NULL REFERENCES connector (id),
    since TEXT COLLATE "C" NOT NULL,
    -- The start of the connector's process that it belongs to.
    instance TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX tunnel_connector ON tunnel (connector_id);

CREATE TABLE service_principal (
    id TEXT COLLATE "C" PRIMARY KEY,
    app_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES application (app_id),
    display_name TEXT COLLATE "C" NOT NULL,
    display_name_folded TEXT COLLATE "C" NOT NULL,
    created TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX service_principal_name ON service_principal (display_name_folded, id);

CREATE TABLE app_role_assignment (
    id TEXT COLLATE "C" PRIMARY KEY,
    app_role TEXT COLLATE "C" NOT NULL,
    -- Users and groups are the issuers' own, so this refers to no table.
    principal_id TEXT COLLATE "C" NOT NULL,
    principal_kind TEXT COLLATE "C" NOT NULL CHECK (principal_kind IN ('user', 'group', 'service_principal')),
    -- The names of service principals are kept up with them.
    principal_name TEXT COLLATE "C",
    principal_name_folded TEXT COLLATE "C",
    resource_id TEXT COLLATE "C" NOT NULL REFERENCES service_principal (id),
    resource_name TEXT COLLATE "C" NOT NULL,
    resource_name_folded TEXT COLLATE "C" NOT NULL,
    created TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (resource_id, principal_id, app_role)
);
CREATE INDEX app_role_assignment_resource ON app_role_assignment (resource_id, id);
CREATE INDEX app_role_assignment_principal ON app_role_assignment (principal_id, id);

CREATE TABLE owner (
    application_id TEXT COLLATE "C" NOT NULL REFERENCES application (id),
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('user', 'group', 'service_principal')),
    name TEXT COLLATE "C",
    PRIMARY KEY (application_id, id)
);
CREATE INDEX owner_id ON owner (id);

-- The settings of the whole directory. One row.
CREATE TABLE profile (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    is_enabled TEXT COLLATE "C" NOT NULL CHECK (is_enabled IN ('true', 'false')),
    is_default_access_enabled TEXT COLLATE "C" NOT NULL CHECK (is_default_access_enabled IN ('true', 'false')),
    -- When connectors may update themselves, as JSON.
    updater TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL
);
INSERT INTO profile (only_row, is_enabled, is_default_access_enabled, updater, revision)
VALUES (1, 'true', 'false', '{"allow_override":false,"defer_until":null,"window":null}', 0);

-- Users and groups of this directory itself. Passwords are beside the users, so that nothing that reads users reads them.
CREATE TABLE local_user (
    id TEXT COLLATE "C" PRIMARY KEY,
    principal_name TEXT COLLATE "C" NOT NULL,
    principal_name_folded TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT COLLATE "C" NOT NULL,
    display_name_folded TEXT COLLATE "C" NOT NULL,
    is_enabled TEXT COLLATE "C" NOT NULL CHECK (is_enabled IN ('true', 'false')),
    created TEXT COLLATE "C" NOT NULL,
    password_changed TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX local_user_name ON local_user (display_name_folded, id);
CREATE INDEX local_user_principal_name ON local_user (principal_name_folded, id);

CREATE TABLE local_user_password (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES local_user (id),
    -- Argon2id with its salt and its cost, in the PHC form; the password itself is never stored.
    hash TEXT COLLATE "C" NOT NULL,
    -- Whether the user has to choose another one at the next sign-in.
    must_change TEXT COLLATE "C" NOT NULL CHECK (must_change IN ('true', 'false'))
);

CREATE TABLE user_group (
    id TEXT COLLATE "C" PRIMARY KEY,
    display_name TEXT COLLATE "C" NOT NULL,
    display_name_folded TEXT COLLATE "C" NOT NULL,
    created TEXT COLLATE "C" NOT NULL,
    attributes TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX user_group_name ON user_group (display_name_folded, id);

CREATE TABLE user_group_member (
    group_id TEXT COLLATE "C" NOT NULL REFERENCES user_group (id),
    -- A user or a group, by its kind.
    member_id TEXT COLLATE "C" NOT NULL,
    member_kind TEXT COLLATE "C" NOT NULL CHECK (member_kind IN ('user', 'group')),
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX user_group_member_of ON user_group_member (member_id, group_id);

-- The hashes of programs' secrets, beside the applications, so that nothing that reads applications reads them. What is
-- shown of a secret is in the attributes of its application or service principal.
CREATE TABLE client_secret (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- The client id of the program. Not a reference: a deleted application that is restored has its secrets again.
    app_id TEXT COLLATE "C" NOT NULL,
    -- SHA-256 in hexadecimal. The secret is 256 random bits, so nothing slower is needed.
    secret_hash TEXT COLLATE "C" NOT NULL
);
CREATE INDEX client_secret_app ON client_secret (app_id);

-- Programs that go on for a user who has signed in to them: one row for each such sign-in, with the one refresh token of it
-- that counts. Those before it were used up; one that is shown again is known by the row's id, and ends it.
CREATE TABLE refresh_grant (
    id TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES local_user (id),
    app_id TEXT COLLATE "C" NOT NULL,
    -- The secret by which the program proved itself last; NULL where it has none. Without it the grant is over.
    secret_id TEXT COLLATE "C",
    -- What was asked for, and what of it was granted at the resource, each by spaces. No later token has more.
    scope TEXT COLLATE "C" NOT NULL,
    granted TEXT COLLATE "C" NOT NULL,
    -- When the user signed in, and when a token was last given.
    signed_in TEXT COLLATE "C" NOT NULL,
    used TEXT COLLATE "C" NOT NULL,
    -- SHA-256 in hexadecimal. The token is 256 random bits, so nothing slower is needed.
    token_hash TEXT COLLATE "C" NOT NULL
);
CREATE INDEX refresh_grant_user ON refresh_grant (user_id, used);
CREATE INDEX refresh_grant_app ON refresh_grant (app_id);
CREATE INDEX refresh_grant_secret ON refresh_grant (secret_id);

-- Sessions that were ended before their time, until no session is as old.
CREATE TABLE revocation (
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('principal', 'application')),
    id TEXT COLLATE "C" NOT NULL,
    -- Sessions that began before this version of the directory are over.
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    -- When it was, for forgetting it alone.
    at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX revocation_revision ON revocation (revision);
CREATE INDEX revocation_at ON revocation (at);

-- Sessions that were ended by a sign-out, until they would have ended by themselves.
CREATE TABLE ended_session (
    -- The session's number: 22 characters of base64url.
    id TEXT COLLATE "C" PRIMARY KEY,
    kept_until TEXT COLLATE "C" NOT NULL
);
CREATE INDEX ended_session_kept_until ON ended_session (kept_until);

-- Who this directory is to clients that want a tenant. One row; random, in the form of UUID version 4.
CREATE TABLE tenant (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    id TEXT COLLATE "C" NOT NULL
);
INSERT INTO tenant (only_row, id) VALUES (1, CAST(gen_random_uuid() AS TEXT));

CREATE TABLE signing_key (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- From when on it signs.
    begins TEXT COLLATE "C" NOT NULL,
    -- The private key, sealed, in hexadecimal, and by which key.
    sealed TEXT COLLATE "C" NOT NULL,
    sealing_key_id TEXT COLLATE "C" NOT NULL
);

-- The revision feed: what each command touched, in the order in which it did.
CREATE TABLE change_log (
    revision BIGINT NOT NULL,
    place BIGINT NOT NULL,
    entity TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
    PRIMARY KEY (revision, place)
);
CREATE INDEX change_log_by_entity ON change_log (entity, operation, revision, place);
-- Whether an object was deleted, by its id. Deletions alone: few among the changes.
CREATE INDEX change_log_deleted ON change_log (entity, id) WHERE operation = 'delete';

-- Administrative writes. The revision is that of the write; renewals, which change nothing, have none.
CREATE TABLE audit (
    id TEXT COLLATE "C" PRIMARY KEY,
    revision BIGINT,
    at TEXT COLLATE "C" NOT NULL,
    activity TEXT COLLATE "C" NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL CHECK (actor_kind IN ('user', 'program', 'connector', 'system')),
    actor_id TEXT COLLATE "C",
    actor_name TEXT COLLATE "C",
    actor_ip TEXT COLLATE "C",
    request_id TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_revision ON audit (revision);
CREATE INDEX audit_at ON audit (at, id);
