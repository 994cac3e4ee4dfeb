-- The built-in identity provider: the tenant that it speaks for, the keys by which it signs, and the API as something
-- that programs are given roles of.

-- Who this directory is to clients that want a tenant. One row; random, in the form of UUID version 4.
CREATE TABLE tenant (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    id TEXT NOT NULL
);
INSERT INTO tenant (only_row, id)
VALUES (1, LOWER(
    HEX(RANDOMBLOB(4)) || '-' || HEX(RANDOMBLOB(2)) || '-4' || SUBSTR(HEX(RANDOMBLOB(2)), 2) || '-a'
    || SUBSTR(HEX(RANDOMBLOB(2)), 2) || '-' || HEX(RANDOMBLOB(6))
));

CREATE TABLE signing_key (
    id TEXT PRIMARY KEY NOT NULL,
    -- From when on it signs.
    begins TEXT NOT NULL,
    -- The private key, sealed, in hexadecimal, and by which key.
    sealed TEXT NOT NULL,
    sealing_key_id TEXT NOT NULL
);

-- What the service principal of the API refers to. It is no application to anybody: no list and no look-up finds it.
INSERT INTO application (id, app_id, display_name, display_name_folded, created, attributes, revision)
VALUES (
    '00000003-0000-0000-c000-000000000000', '00000003-0000-0000-c000-000000000000', 'Microsoft Graph',
    'microsoft graph', '2026-01-01T00:00:00.000000000Z', '{}', 0
);
