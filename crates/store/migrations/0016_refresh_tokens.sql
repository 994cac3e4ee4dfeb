-- Programs that go on for a user who has signed in to them: one row for each such sign-in, with the one refresh token of it
-- that counts. Those before it were used up; one that is shown again is known by the row's id, and ends it.

CREATE TABLE refresh_grant (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES local_user (id),
    app_id TEXT NOT NULL,
    -- The secret by which the program proved itself last; NULL where it has none. Without it the grant is over.
    secret_id TEXT,
    -- What was asked for, and what of it was granted at the resource, each by spaces. No later token has more.
    scope TEXT NOT NULL,
    granted TEXT NOT NULL,
    -- When the user signed in, and when a token was last given.
    signed_in TEXT NOT NULL,
    used TEXT NOT NULL,
    -- SHA-256 in hexadecimal. The token is 256 random bits, so nothing slower is needed.
    token_hash TEXT NOT NULL
);
CREATE INDEX refresh_grant_user ON refresh_grant (user_id, used);
CREATE INDEX refresh_grant_app ON refresh_grant (app_id);
CREATE INDEX refresh_grant_secret ON refresh_grant (secret_id);
