//! Somebody as the access decision would know them, had they signed in: found by name or id, with their groups and the way
//! into each. For explanations; whoever really signs in is known by a session or a token.

use std::collections::{HashMap, VecDeque};

use adit_core::explain::Visitor;
use adit_core::{MemberId, PrincipalId, User, UserGroup, UserId};
use adit_store::Reach;
use uuid::Uuid;

use crate::control_plane::{ControlPlane, Principals};
use crate::error::Error;

/// The most groups that an id token of the built-in provider names: with them it stays below the 16 KiB that our own gateway
/// reads. Where there are more, `hasgroups` says so.
pub const MOST_NAMED_GROUPS: usize = 200;

/// Who was found.
#[derive(Debug, Clone)]
pub struct FoundVisitor {
    /// The user of this directory of that name or id.
    pub user: Option<User>,
    /// As the decision knows them; nothing where nobody of that name or id can sign in.
    pub visitor: Option<Visitor>,
    /// Where their groups are from.
    pub groups_from: GroupsFrom,
    /// The groups of the directory that they are in, by whatever way, each with the one before it on the shortest way.
    ways: HashMap<Uuid, (Uuid, UserGroup)>,
}

/// Where the groups of a visitor are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupsFrom {
    /// From the memberships of this directory, which its own provider names at a sign-in.
    Directory,
    /// From the memberships of this directory, though users sign in at another issuer, which names groups itself.
    DirectoryInsteadOfIssuer,
    /// They were given.
    Given,
}

impl FoundVisitor {
    /// The groups through which they are in `group`: first the one that they were put into, `group` last. None where they
    /// are in it by nothing that this directory knows.
    #[must_use]
    pub fn way_to(&self, group: PrincipalId) -> Vec<&UserGroup> {
        let mut way = Vec::new();
        let mut at = group.uuid();
        while let Some((before, found)) = self.ways.get(&at) {
            way.push(found);
            at = *before;
        }
        way.reverse();
        way
    }
}

impl ControlPlane {
    /// Finds a user by `userPrincipalName` or id, or somebody of another issuer by the id by which assignments know them.
    /// `groups` take the place of those that the directory knows.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_visitor(&self, asked: &str, groups: Option<Vec<PrincipalId>>) -> Result<FoundVisitor, Error> {
        let id = asked.trim().parse::<UserId>().ok();
        let user = match id {
            Some(id) => self.store().find_user(id).await?,
            None => self.store().find_user_by_principal_name(asked.trim()).await?,
        };
        let ways = match (&user, &groups) {
            (Some(user), None) => self.ways_of(user.id).await?,
            _ => HashMap::new(),
        };
        let is_foreign = self.principals() == Principals::Foreign;
        let groups_from = match (&user, &groups) {
            (Some(_), None) if is_foreign => GroupsFrom::DirectoryInsteadOfIssuer,
            (Some(_), None) => GroupsFrom::Directory,
            _ => GroupsFrom::Given,
        };
        // Whom neither the directory nor another issuer knows cannot sign in.
        let known = user.as_ref().map(|user| user.id).or_else(|| id.filter(|_| is_foreign));
        let visitor = known.map(|id| {
            let (groups, groups_left_out) = match groups {
                Some(groups) => (groups, 0),
                None => named(&ways),
            };
            Visitor { id: PrincipalId::new(id.uuid()), groups, groups_left_out }
        });
        Ok(FoundVisitor { user, visitor, groups_from, ways })
    }

    /// The groups that a user is in, by whatever way, each with the one before it on the shortest way.
    async fn ways_of(&self, user: UserId) -> Result<HashMap<Uuid, (Uuid, UserGroup)>, Error> {
        let member = MemberId::User(user);
        let groups = self.store().groups_of(member, Reach::Transitive).await?;
        let mut groups: HashMap<Uuid, UserGroup> = groups.into_iter().map(|own| (own.id.uuid(), own)).collect();
        let mut above: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for (member, group) in self.store().memberships_of(member).await? {
            above.entry(member).or_default().push(group.uuid());
        }
        let mut ways = HashMap::new();
        let mut next = VecDeque::from([user.uuid()]);
        while let Some(at) = next.pop_front() {
            for group in above.get(&at).into_iter().flatten() {
                // The first way that leads there is a shortest one.
                if let Some(found) = groups.remove(group) {
                    ways.insert(*group, (at, found));
                    next.push_back(*group);
                }
            }
        }
        Ok(ways)
    }
}

/// The groups that a sign-in names, and how many it leaves out.
fn named(ways: &HashMap<Uuid, (Uuid, UserGroup)>) -> (Vec<PrincipalId>, u16) {
    let mut groups: Vec<PrincipalId> = ways.keys().copied().map(PrincipalId::new).collect();
    groups.sort_unstable();
    groups.truncate(MOST_NAMED_GROUPS);
    // What a session knows of them is that there are more, not how many.
    let left_out = u16::from(ways.len() > MOST_NAMED_GROUPS);
    (groups, left_out)
}

#[cfg(test)]
mod tests;
