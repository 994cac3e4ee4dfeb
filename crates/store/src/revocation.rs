//! Sessions that were ended before their time, for gateways.
//!
//! A revocation is written with the change that is its reason, so none is without the other, and so is the end of what
//! programs were granted for the user. Writing one forgets those that no session can be as old as.

use adit_core::revocation::{KEPT, NotSessions, Revocation, SessionsOf};
use adit_core::{Epoch, MemberId, Revision, UserGroupId};
use jiff::Timestamp;

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::row;
use crate::transaction::WriteTransaction;

/// What follows an insertion: of two revocations the later one counts.
const REPLACE: &str = "ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision, \
                       at = excluded.at";

/// The users in a group, by whatever way.
const USERS_IN: &str = "WITH RECURSIVE way (id) AS (SELECT group_id FROM user_group_member WHERE group_id = ? \
                        UNION SELECT m.member_id FROM user_group_member m JOIN way ON m.group_id = way.id \
                        WHERE m.member_kind = 'group') \
                        SELECT DISTINCT m.member_id AS id FROM user_group_member m JOIN way ON m.group_id = way.id \
                        WHERE m.member_kind = 'user'";

impl WriteTransaction {
    /// Ends the sessions that began before this change.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn end_sessions(&mut self, of: SessionsOf, now: Timestamp) -> Result<(), Error> {
        self.forget_revocations(now).await?;
        let sql = format!(
            "INSERT INTO revocation (kind, id, epoch, revision, at) \
             VALUES (?, ?, (SELECT epoch FROM position WHERE only_row = 1), ?, ?) {REPLACE}"
        );
        let revision = row::signed(self.revision());
        engine::query(sqlx::AssertSqlSafe(sql))
            .bind(of.kind())
            .bind(of.id())
            .bind(revision)
            .bind(row::instant(now))
            .execute(self.connection())
            .await?;
        if let SessionsOf::Principal(id) = of {
            let sql = "DELETE FROM refresh_grant WHERE user_id = ?";
            engine::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        }
        self.log(Entity::Revocation, of.to_string(), Operation::Update);
        Ok(())
    }

    /// Ends the sessions of a user, or of all users who are in a group by whatever way: sessions know the groups of their
    /// sign-in.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn end_sessions_of_member(&mut self, member: MemberId, now: Timestamp) -> Result<(), Error> {
        match member {
            MemberId::User(id) => {
                self.end_sessions(SessionsOf::Principal(adit_core::PrincipalId::new(id.uuid())), now).await
            }
            MemberId::Group(id) => self.end_sessions_in(id, now).await,
        }
    }

    async fn end_sessions_in(&mut self, group: UserGroupId, now: Timestamp) -> Result<(), Error> {
        self.forget_revocations(now).await?;
        let sql = format!(
            "INSERT INTO revocation (kind, id, epoch, revision, at) \
             SELECT 'principal', id, (SELECT epoch FROM position WHERE only_row = 1), ?, ? FROM ({USERS_IN}) \
             AS users_in WHERE true {REPLACE}"
        );
        let revision = row::signed(self.revision());
        engine::query(sqlx::AssertSqlSafe(sql))
            .bind(revision)
            .bind(row::instant(now))
            .bind(group.to_string())
            .execute(self.connection())
            .await?;
        let sql = format!("DELETE FROM refresh_grant WHERE user_id IN ({USERS_IN})");
        engine::query(sqlx::AssertSqlSafe(sql)).bind(group.to_string()).execute(self.connection()).await?;
        self.log(Entity::Revocation, format!("group {group}"), Operation::Update);
        Ok(())
    }

    async fn forget_revocations(&mut self, now: Timestamp) -> Result<(), Error> {
        let oldest = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        engine::query("DELETE FROM revocation WHERE at < ?")
            .bind(row::instant(oldest))
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

/// The revocations that were written after `revision`, or all of them. What cannot be read is logged and left out.
pub(crate) async fn after(
    read: &mut Connection,
    revision: Option<Revision>,
) -> Result<Vec<(SessionsOf, Revocation)>, Error> {
    let rows = engine::query("SELECT kind, id, epoch, revision, at FROM revocation WHERE revision > ?")
        .bind(revision.map_or(-1, row::signed))
        .fetch_all(read)
        .await?;
    let left_out = |error: &Error| tracing::error!(%error, "a revocation of sessions cannot be read and is left out");
    Ok(rows.iter().filter_map(|row| read_row(row).inspect_err(left_out).ok()).collect())
}

fn read_row(row: &Row) -> Result<(SessionsOf, Revocation), Error> {
    let kind: String = row.try_get("kind")?;
    let of = row::parsed(row, "id", |id| -> Result<SessionsOf, NotSessions> { format!("{kind} {id}").parse() })?;
    let epoch = Epoch(row::unsigned("epoch", row.try_get("epoch")?)?);
    let at: Timestamp = row::parsed(row, "at", str::parse)?;
    let at = u64::try_from(at.as_millisecond()).unwrap_or_default();
    Ok((of, Revocation { before: (epoch, row::revision(row, "revision")?), at }))
}
