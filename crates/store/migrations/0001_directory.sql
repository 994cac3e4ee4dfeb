-- The directory: what is configured, who is connected, and the feed of its changes.
--
-- Portable on purpose: identifiers, instants (RFC 3339, UTC, nine fractional digits, so that text order is time order)
-- and JSON are text; there are no triggers, no sequences and no engine's own operators. A column named *_folded holds
-- the form in which its neighbour is compared where case does not count.

-- Where in its history the directory is. One row; locking it is the one write lock.
CREATE TABLE position (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE connector_group (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    region TEXT,
    kind TEXT NOT NULL CHECK (kind IN ('default', 'ordinary')),
    revision BIGINT NOT NULL
);
-- There is one default group.
CREATE UNIQUE INDEX connector_group_default ON connector_group (kind) WHERE kind = 'default';

CREATE TABLE connector (
    id TEXT PRIMARY KEY NOT NULL,
    machine_name TEXT NOT NULL,
    machine_name_folded TEXT NOT NULL,
    external_ip TEXT NOT NULL,
    version TEXT NOT NULL,
    connector_group_id TEXT NOT NULL REFERENCES connector_group (id),
    key_generation BIGINT NOT NULL,
    -- The newest key generation under which a tunnel was up.
    seen_generation BIGINT NOT NULL,
    created TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX connector_machine_name ON connector (machine_name_folded);
CREATE INDEX connector_by_group ON connector (connector_group_id);

CREATE TABLE application (
    id TEXT PRIMARY KEY NOT NULL,
    app_id TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    display_name_folded TEXT NOT NULL,
    created TEXT NOT NULL,
    attributes TEXT NOT NULL,
    -- How it is published, as JSON; the four columns after it are taken from it.
    publishing TEXT,
    external_url TEXT,
    external_place TEXT UNIQUE,
    internal_url TEXT UNIQUE,
    connector_group_id TEXT REFERENCES connector_group (id),
    revision BIGINT NOT NULL,
    CHECK ((publishing IS NULL) = (connector_group_id IS NULL))
);
CREATE INDEX application_by_group ON application (connector_group_id);

CREATE TABLE registration_token (
    id TEXT PRIMARY KEY NOT NULL,
    -- SHA-256 of the secret, in hexadecimal; the secret itself is never stored.
    secret_hash TEXT NOT NULL UNIQUE,
    connector_group_id TEXT NOT NULL REFERENCES connector_group (id),
    expires_at TEXT NOT NULL,
    redeemed_at TEXT,
    -- SHA-256 of the public key it was redeemed with, in hexadecimal.
    redeemed_key TEXT,
    connector_id TEXT,
    key_generation BIGINT
);
CREATE INDEX registration_token_connector ON registration_token (connector_id);

-- A row is a live tunnel: written when it comes up, deleted when it goes down.
CREATE TABLE tunnel (
    id TEXT PRIMARY KEY NOT NULL,
    connector_id TEXT NOT NULL REFERENCES connector (id),
    since TEXT NOT NULL
);
CREATE INDEX tunnel_connector ON tunnel (connector_id);

-- The revision feed: what each command touched, in the order in which it did.
CREATE TABLE change_log (
    revision BIGINT NOT NULL,
    place BIGINT NOT NULL,
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    operation TEXT NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
    PRIMARY KEY (revision, place)
);

-- Administrative writes. The revision is that of the write; renewals, which change nothing, have none.
CREATE TABLE audit (
    id TEXT PRIMARY KEY NOT NULL,
    revision BIGINT,
    at TEXT NOT NULL,
    activity TEXT NOT NULL,
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_revision ON audit (revision);
