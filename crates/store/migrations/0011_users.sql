-- Users and groups of this directory itself. Passwords are beside the users, so that nothing that reads users reads them.

CREATE TABLE local_user (
    id TEXT PRIMARY KEY NOT NULL,
    principal_name TEXT NOT NULL,
    principal_name_folded TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    display_name_folded TEXT NOT NULL,
    is_enabled TEXT NOT NULL CHECK (is_enabled IN ('true', 'false')),
    created TEXT NOT NULL,
    password_changed TEXT NOT NULL,
    attributes TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX local_user_name ON local_user (display_name_folded, id);
CREATE INDEX local_user_principal_name ON local_user (principal_name_folded, id);

CREATE TABLE local_user_password (
    user_id TEXT PRIMARY KEY NOT NULL REFERENCES local_user (id),
    -- Argon2id with its salt and its cost, in the PHC form; the password itself is never stored.
    hash TEXT NOT NULL,
    -- Whether the user has to choose another one at the next sign-in.
    must_change TEXT NOT NULL CHECK (must_change IN ('true', 'false'))
);

CREATE TABLE user_group (
    id TEXT PRIMARY KEY NOT NULL,
    display_name TEXT NOT NULL,
    display_name_folded TEXT NOT NULL,
    created TEXT NOT NULL,
    attributes TEXT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX user_group_name ON user_group (display_name_folded, id);

CREATE TABLE user_group_member (
    group_id TEXT NOT NULL REFERENCES user_group (id),
    -- A user or a group, by its kind.
    member_id TEXT NOT NULL,
    member_kind TEXT NOT NULL CHECK (member_kind IN ('user', 'group')),
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX user_group_member_of ON user_group_member (member_id, group_id);
