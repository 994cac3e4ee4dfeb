//! Groups of this directory's users in the database, and who is in them.
//!
//! Invariant: a membership names a group and a member that exist; both ends take it with them when they go.

use adit_core::name::DisplayName;
use adit_core::query::{Field, Page, Query, UserGroupField};
use adit_core::{Member, MemberId, PrincipalId, PrincipalKind, UserGroup, UserGroupId};
use jiff::Timestamp;
use sea_query::{Expr, ExprTrait as _, SelectStatement};
use uuid::Uuid;

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;
use crate::user::Users;

/// How far a membership counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The groups that somebody was put into.
    Direct,
    /// Those, and the groups that these are in, and so on.
    Transitive,
}

const DIRECT_GROUPS: &str = "SELECT group_id AS id FROM user_group_member WHERE member_id = ?";

/// A union that keeps no row twice comes to an end, whatever is in the table.
const ALL_GROUPS: &str = "WITH RECURSIVE way (id) AS (SELECT group_id FROM user_group_member WHERE member_id = ? \
                          UNION SELECT m.group_id FROM user_group_member m JOIN way ON m.member_id = way.id) \
                          SELECT id FROM way";

/// Every membership on the way up from somebody.
const MEMBERSHIPS: &str = "WITH RECURSIVE way (id) AS (SELECT member_id FROM user_group_member WHERE member_id = ? \
                           UNION SELECT m.group_id FROM user_group_member m \
                           JOIN way ON m.member_id = way.id) SELECT m.member_id, m.group_id FROM user_group_member m \
                           JOIN way ON m.member_id = way.id ORDER BY m.member_id, m.group_id";

/// The table of groups.
pub(crate) struct UserGroups;

impl Collection for UserGroups {
    const TABLE: &'static str = "user_group";
    type Item = UserGroup;

    fn select(_source: &Source) -> SelectStatement {
        sea_query::Query::select().columns(["id", "display_name", "created", "attributes", "revision"]).to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::UserGroup(own) = field else { return Err(foreign_field(source, field)) };
        Ok(match own {
            UserGroupField::Id => Column::word(source.column("id")),
            UserGroupField::DisplayName => {
                Column::folded(source.column("display_name"), source.column("display_name_folded")).indexed()
            }
            UserGroupField::Created => Column::instant(source.column("created")),
            UserGroupField::Revision => Column::integer(source.column("revision")),
            UserGroupField::Attribute(part) => Column::json(source, "attributes", part)?,
        })
    }

    fn item(row: &Row) -> Result<UserGroup, Error> {
        Ok(UserGroup {
            id: row::parsed(row, "id", str::parse)?,
            display_name: row::parsed(row, "display_name", DisplayName::parse)?,
            created: row::parsed(row, "created", str::parse::<Timestamp>)?,
            attributes: row::parsed(row, "attributes", |text| serde_json::from_str(text))?,
            revision: row::revision(row, "revision")?,
        })
    }
}

impl Store {
    /// Finds a group.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_user_group(&self, id: UserGroupId) -> Result<Option<UserGroup>, Error> {
        let mut read = self.read().await?;
        find(&mut read, id).await
    }

    /// One page of the groups.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_user_groups(&self, query: &Query) -> Result<Page<UserGroup>, Error> {
        self.list::<UserGroups>(query).await
    }

    /// Who is in a group itself: users first, each kind in the order of ids.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn members_of(&self, group: UserGroupId) -> Result<Vec<Member>, Error> {
        let mut read = self.read().await?;
        let users = list::all::<Users>(&mut read, is_member(group, PrincipalKind::User)).await?;
        let groups = list::all::<UserGroups>(&mut read, is_member(group, PrincipalKind::Group)).await?;
        Ok(users.into_iter().map(Member::User).chain(groups.into_iter().map(Member::Group)).collect())
    }

    /// The groups that a user or a group is in, in the order of ids.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn groups_of(&self, member: MemberId, reach: Reach) -> Result<Vec<UserGroup>, Error> {
        let mut read = self.read().await?;
        // By a statement of its own: somebody can be in more groups than a statement has places.
        let ids = read.engine().marked(&format!("id IN ({})", groups_statement(reach)));
        let member = member.uuid().hyphenated().to_string();
        list::all::<UserGroups>(&mut read, Expr::cust_with_values(ids, [member])).await
    }

    /// The memberships by which a user or a group is in groups: its own, and those of the groups that it is in by whatever
    /// way. Each is who, and in which group.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn memberships_of(&self, member: MemberId) -> Result<Vec<(Uuid, UserGroupId)>, Error> {
        let mut read = self.read().await?;
        let member = member.uuid().hyphenated().to_string();
        let rows = engine::query(MEMBERSHIPS).bind(member).fetch_all(&mut read).await?;
        let membership = |row: &Row| -> Result<(Uuid, UserGroupId), Error> {
            let group = row::parsed(row, "group_id", str::parse::<UserGroupId>)?;
            Ok((row::parsed(row, "member_id", Uuid::try_parse)?, group))
        };
        rows.iter().map(membership).collect()
    }
}

impl WriteTransaction {
    /// Finds a group.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_user_group(&mut self, id: UserGroupId) -> Result<Option<UserGroup>, Error> {
        find(self.connection(), id).await
    }

    /// Adds a group, which gets this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_user_group(&mut self, group: &mut UserGroup) -> Result<(), Error> {
        group.revision = self.revision();
        engine::query(
            "INSERT INTO user_group (id, display_name, display_name_folded, created, attributes, revision) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(group.id.to_string())
        .bind(group.display_name.as_str())
        .bind(group.display_name.folded())
        .bind(row::instant(group.created))
        .bind(row::json("attributes", &group.attributes)?)
        .bind(row::signed(group.revision))
        .execute(self.connection())
        .await?;
        self.log(Entity::UserGroup, group.id.to_string(), Operation::Insert);
        Ok(())
    }

    /// Writes a group's name and attributes, and gives it this transaction's revision. Where its name is another than
    /// that of `old`, so is it in the assignments that name it.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn update_user_group(&mut self, old: &UserGroup, group: &mut UserGroup) -> Result<(), Error> {
        group.revision = self.revision();
        engine::query(
            "UPDATE user_group SET display_name = ?, display_name_folded = ?, attributes = ?, revision = ? WHERE id = ?",
        )
        .bind(group.display_name.as_str())
        .bind(group.display_name.folded())
        .bind(row::json("attributes", &group.attributes)?)
        .bind(row::signed(group.revision))
        .bind(group.id.to_string())
        .execute(self.connection())
        .await?;
        self.log(Entity::UserGroup, group.id.to_string(), Operation::Update);
        if group.display_name != old.display_name {
            let principal = PrincipalId::new(group.id.uuid());
            self.rename_in_assignments(principal, PrincipalKind::Group, &group.display_name).await?;
        }
        Ok(())
    }

    /// Deletes a group with its memberships and what else names it; its members stay. How many assignments went with it.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_user_group(&mut self, id: UserGroupId) -> Result<usize, Error> {
        let principal = PrincipalId::new(id.uuid());
        let assignments = self.take_assignments_of(principal, PrincipalKind::Group).await?;
        self.take_owned_by(principal, PrincipalKind::Group).await?;
        self.leave_all_groups(principal).await?;
        for sql in ["DELETE FROM user_group_member WHERE group_id = ?", "DELETE FROM user_group WHERE id = ?"] {
            engine::query(sql).bind(id.to_string()).execute(self.connection()).await?;
        }
        self.log(Entity::UserGroup, id.to_string(), Operation::Delete);
        Ok(assignments.len())
    }

    /// How many members a group has itself.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn count_members(&mut self, group: UserGroupId) -> Result<usize, Error> {
        let row = engine::query("SELECT COUNT(*) FROM user_group_member WHERE group_id = ?")
            .bind(group.to_string())
            .fetch_one(self.connection())
            .await?;
        row::unsigned("members", row.try_get(0)?).map(|count: u32| count as usize)
    }

    /// Whether somebody is in a group itself.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn is_member(&mut self, group: UserGroupId, member: MemberId) -> Result<bool, Error> {
        let found = engine::query("SELECT 1 FROM user_group_member WHERE group_id = ? AND member_id = ?")
            .bind(group.to_string())
            .bind(member.uuid().hyphenated().to_string())
            .fetch_optional(self.connection())
            .await?;
        Ok(found.is_some())
    }

    /// The ids of the groups that somebody is in.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn group_ids_of(&mut self, member: MemberId, reach: Reach) -> Result<Vec<UserGroupId>, Error> {
        group_ids_of(self.connection(), member.uuid(), reach).await
    }

    /// Puts somebody into a group who is not in it, and gives the group this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_member(&mut self, group: &mut UserGroup, member: MemberId) -> Result<(), Error> {
        engine::query("INSERT INTO user_group_member (group_id, member_id, member_kind) VALUES (?, ?, ?)")
            .bind(group.id.to_string())
            .bind(member.uuid().hyphenated().to_string())
            .bind(member.kind().as_str())
            .execute(self.connection())
            .await?;
        self.touch(group).await
    }

    /// Takes somebody out of a group, and gives the group this transaction's revision.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_member(&mut self, group: &mut UserGroup, member: MemberId) -> Result<(), Error> {
        engine::query("DELETE FROM user_group_member WHERE group_id = ? AND member_id = ?")
            .bind(group.id.to_string())
            .bind(member.uuid().hyphenated().to_string())
            .execute(self.connection())
            .await?;
        self.touch(group).await
    }

    /// Takes somebody out of every group, as a change of each.
    pub(crate) async fn leave_all_groups(&mut self, principal: PrincipalId) -> Result<(), Error> {
        let groups = group_ids_of(self.connection(), principal.uuid(), Reach::Direct).await?;
        let revision = row::signed(self.revision());
        engine::query(
            "UPDATE user_group SET revision = ? \
             WHERE id IN (SELECT group_id FROM user_group_member WHERE member_id = ?)",
        )
        .bind(revision)
        .bind(principal.to_string())
        .execute(self.connection())
        .await?;
        engine::query("DELETE FROM user_group_member WHERE member_id = ?")
            .bind(principal.to_string())
            .execute(self.connection())
            .await?;
        for group in groups {
            self.log(Entity::UserGroup, group.to_string(), Operation::Update);
        }
        Ok(())
    }

    async fn touch(&mut self, group: &mut UserGroup) -> Result<(), Error> {
        group.revision = self.revision();
        engine::query("UPDATE user_group SET revision = ? WHERE id = ?")
            .bind(row::signed(group.revision))
            .bind(group.id.to_string())
            .execute(self.connection())
            .await?;
        self.log(Entity::UserGroup, group.id.to_string(), Operation::Update);
        Ok(())
    }
}

/// Rows that are in the group, by a statement of its own: a group can have more members than a statement has places.
fn is_member(group: UserGroupId, kind: PrincipalKind) -> Expr {
    let members = sea_query::Query::select()
        .column("member_id")
        .from("user_group_member")
        .and_where(Expr::col("group_id").eq(group.to_string()))
        .and_where(Expr::col("member_kind").eq(kind.as_str()))
        .to_owned();
    Expr::col("id").in_subquery(members)
}

/// The statement for the ids of the groups that somebody is in.
const fn groups_statement(reach: Reach) -> &'static str {
    match reach {
        Reach::Direct => DIRECT_GROUPS,
        Reach::Transitive => ALL_GROUPS,
    }
}

async fn group_ids_of(connection: &mut Connection, member: Uuid, reach: Reach) -> Result<Vec<UserGroupId>, Error> {
    let rows =
        engine::query(groups_statement(reach)).bind(member.hyphenated().to_string()).fetch_all(connection).await?;
    rows.iter().map(|row| row::parsed(row, "id", str::parse)).collect()
}

async fn find(connection: &mut Connection, id: UserGroupId) -> Result<Option<UserGroup>, Error> {
    list::first::<UserGroups>(connection, Expr::col("id").eq(id.to_string())).await
}
