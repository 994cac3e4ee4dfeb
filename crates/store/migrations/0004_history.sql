-- What was: deleted applications that can still be restored, and an audit log whose actor is in parts. What is known of
-- uploaded certificates, and their private keys, sealed under a key that is not in the database.

-- The columns of an application, without what must be unique among the live ones, and without a reference to its group,
-- which may go meanwhile.
CREATE TABLE deleted_application (
    id TEXT PRIMARY KEY NOT NULL,
    app_id TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    display_name_folded TEXT NOT NULL,
    created TEXT NOT NULL,
    attributes TEXT NOT NULL,
    publishing TEXT,
    external_url TEXT,
    internal_url TEXT,
    connector_group_id TEXT,
    revision BIGINT NOT NULL,
    deleted TEXT NOT NULL,
    -- What went with it and comes back with it, as JSON: service principal, assignments, owners.
    access TEXT,
    CHECK ((publishing IS NULL) = (connector_group_id IS NULL))
);
CREATE INDEX deleted_application_deleted ON deleted_application (deleted);

-- At most one for each application, live or deleted.
CREATE TABLE certificate (
    application_id TEXT PRIMARY KEY NOT NULL,
    -- SHA-1 of the certificate, in upper-case hexadecimal.
    thumbprint TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    issuer_name TEXT NOT NULL,
    issued TEXT NOT NULL,
    expires TEXT NOT NULL,
    -- The names and addresses that it is for, as a JSON array.
    names TEXT NOT NULL,
    -- Which key it is sealed under; not the key.
    sealing_key_id TEXT NOT NULL,
    -- Chain and private key, sealed, in hexadecimal.
    sealed TEXT NOT NULL
);

-- Delta queries: live applications by revision, deletions by revision.
CREATE INDEX application_by_revision ON application (revision, id);
CREATE INDEX change_log_by_entity ON change_log (entity, operation, revision, place);

-- The actor was one text: "user:SUBJECT (NAME)", "user:SUBJECT", "program:CLIENT", "connector:MACHINE" or "system".
CREATE TABLE audit_in_parts (
    id TEXT PRIMARY KEY NOT NULL,
    revision BIGINT,
    at TEXT NOT NULL,
    activity TEXT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'program', 'connector', 'system')),
    actor_id TEXT,
    actor_name TEXT,
    actor_ip TEXT,
    request_id TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO audit_in_parts (id, revision, at, activity, actor_kind, actor_id, actor_name, request_id, target, detail)
SELECT
    id,
    revision,
    at,
    activity,
    CASE
        WHEN actor LIKE 'user:%' THEN 'user'
        WHEN actor LIKE 'program:%' THEN 'program'
        WHEN actor LIKE 'connector:%' THEN 'connector'
        ELSE 'system'
    END,
    CASE
        WHEN actor LIKE 'user:% (%)' THEN substr(actor, 6, instr(actor, ' (') - 6)
        WHEN actor LIKE 'user:%' THEN substr(actor, 6)
        WHEN actor LIKE 'program:%' THEN substr(actor, 9)
    END,
    CASE
        WHEN actor LIKE 'user:% (%)' THEN substr(actor, instr(actor, ' (') + 2, length(actor) - instr(actor, ' (') - 2)
        WHEN actor LIKE 'connector:%' THEN substr(actor, 11)
    END,
    request_id,
    target,
    detail
FROM audit;
DROP TABLE audit;
ALTER TABLE audit_in_parts RENAME TO audit;
CREATE INDEX audit_revision ON audit (revision);
CREATE INDEX audit_at ON audit (at, id);
