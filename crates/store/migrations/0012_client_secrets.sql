-- The hashes of programs' secrets, beside the applications, so that nothing that reads applications reads them. What is
-- shown of a secret is in the attributes of its application or service principal.

CREATE TABLE client_secret (
    id TEXT PRIMARY KEY NOT NULL,
    -- The client id of the program. Not a reference: a deleted application that is restored has its secrets again.
    app_id TEXT NOT NULL,
    -- SHA-256 in hexadecimal. The secret is 256 random bits, so nothing slower is needed.
    secret_hash TEXT NOT NULL
);
CREATE INDEX client_secret_app ON client_secret (app_id);
