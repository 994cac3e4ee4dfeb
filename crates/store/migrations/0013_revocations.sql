-- What was ended before its time: a session, all sessions of a user, or all cookies of an application.

CREATE TABLE revocation (
    kind TEXT NOT NULL CHECK (kind IN ('session', 'principal', 'application')),
    subject TEXT NOT NULL,
    -- What began then or before does not count; of a session all.
    revoked_at TEXT NOT NULL,
    -- From then on nothing is left that it could end.
    kept_until TEXT NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX revocation_kept_until ON revocation (kept_until);
