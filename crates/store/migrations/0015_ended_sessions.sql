-- Sessions that were ended by a sign-out, until they would have ended by themselves.

CREATE TABLE ended_session (
    -- The session's number: 22 characters of base64url.
    id TEXT NOT NULL PRIMARY KEY,
    kept_until TEXT NOT NULL
);
CREATE INDEX ended_session_kept_until ON ended_session (kept_until);
