-- Sessions that were ended before their time, until no session is as old.

CREATE TABLE revocation (
    kind TEXT NOT NULL CHECK (kind IN ('principal', 'application')),
    id TEXT NOT NULL,
    -- Sessions that began before this version of the directory are over.
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    -- When it was, for forgetting it alone.
    at TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX revocation_revision ON revocation (revision);
CREATE INDEX revocation_at ON revocation (at);

-- Whether an object was deleted, by its id. Deletions alone: few among the changes.
CREATE INDEX change_log_deleted ON change_log (entity, id) WHERE operation = 'delete';
