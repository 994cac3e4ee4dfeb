//! Which applications somebody may be able to open, without a look at all of them: those that name the user or a group, and
//! those that take everybody who has signed in. Whether they may is decided elsewhere.

use std::collections::HashSet;

use super::PublishedApplication;
use crate::admission::Admission;
use crate::application::PreAuthentication;
use crate::id::{ApplicationId, PrincipalId};
use crate::sharded::Sharded;

/// The most applications that are noted for one principal: more than anybody is shown.
const FEW: usize = 256;

/// The applications that name one principal.
#[derive(Debug, Clone)]
enum Naming {
    Few(Vec<ApplicationId>),
    /// So many that looking at all applications finds enough of them soon.
    Many(usize),
}

/// Principals, and the applications that name them.
#[derive(Debug, Clone, Default)]
struct Index(Sharded<PrincipalId, Naming>);

impl Index {
    fn add(&mut self, principal: PrincipalId, application: ApplicationId) {
        let naming = match self.0.get(&principal).cloned() {
            None => Naming::Few(vec![application]),
            Some(Naming::Few(few)) if few.len() >= FEW => Naming::Many(few.len() + 1),
            Some(Naming::Few(mut few)) => {
                few.push(application);
                Naming::Few(few)
            }
            Some(Naming::Many(count)) => Naming::Many(count + 1),
        };
        self.0.insert(principal, naming);
    }

    fn remove(&mut self, principal: PrincipalId, application: ApplicationId) {
        let left = match self.0.get(&principal).cloned() {
            None | Some(Naming::Many(..=1)) => None,
            Some(Naming::Many(count)) => Some(Naming::Many(count - 1)),
            Some(Naming::Few(mut few)) => {
                few.retain(|own| *own != application);
                if few.is_empty() { None } else { Some(Naming::Few(few)) }
            }
        };
        match left {
            Some(naming) => self.0.insert(principal, naming),
            None => self.0.remove(&principal),
        }
    }
}

/// Who is named where.
#[derive(Debug, Clone, Default)]
pub(super) struct Openable {
    users: Index,
    groups: Index,
    /// Those that take everybody who has signed in.
    everybody: Sharded<ApplicationId, ()>,
}

impl Openable {
    /// Takes in what became of an application; what is the same before and after costs nothing but a look.
    pub(super) fn change(
        &mut self,
        id: ApplicationId,
        before: Option<&PublishedApplication>,
        after: Option<&PublishedApplication>,
    ) {
        let admission = |application: Option<&PublishedApplication>| application.and_then(|own| own.admission.clone());
        let (old, new) = (admission(before), admission(after));
        let (old, new) = (old.as_deref(), new.as_deref());
        let names_user = |admission: Option<&Admission>, who| admission.is_some_and(|own| own.names_user(who));
        let names_group = |admission: Option<&Admission>, who| admission.is_some_and(|own| own.names_group(who));
        users(old).filter(|who| !names_user(new, *who)).for_each(|who| self.users.remove(who, id));
        users(new).filter(|who| !names_user(old, *who)).for_each(|who| self.users.add(who, id));
        groups(old).filter(|who| !names_group(new, *who)).for_each(|who| self.groups.remove(who, id));
        groups(new).filter(|who| !names_group(old, *who)).for_each(|who| self.groups.add(who, id));
        if after.is_some_and(takes_everybody) {
            self.everybody.insert(id, ());
        } else {
            self.everybody.remove(&id);
        }
    }

    /// Whether an application names that group.
    pub(super) fn names_group(&self, group: PrincipalId) -> bool {
        self.groups.0.get(&group).is_some()
    }

    /// The applications that name a user or one of the groups, and then those that take everybody, each once; nothing where
    /// there are so many that all have to be looked at.
    pub(super) fn of(
        &self,
        user: PrincipalId,
        groups: &[PrincipalId],
    ) -> Option<impl Iterator<Item = ApplicationId> + '_> {
        let naming = self.users.0.get(&user).into_iter().chain(groups.iter().filter_map(|own| self.groups.0.get(own)));
        let mut named = HashSet::new();
        for naming in naming {
            match naming {
                Naming::Few(few) => named.extend(few.iter().copied()),
                Naming::Many(_) => return None,
            }
        }
        let first: Vec<ApplicationId> = named.iter().copied().collect();
        let others = self.everybody.keys().copied().filter(move |id| !named.contains(id));
        Some(first.into_iter().chain(others))
    }
}

fn users(admission: Option<&Admission>) -> impl Iterator<Item = PrincipalId> {
    admission.into_iter().flat_map(Admission::users)
}

fn groups(admission: Option<&Admission>) -> impl Iterator<Item = PrincipalId> {
    admission.into_iter().flat_map(Admission::groups)
}

fn takes_everybody(application: &PublishedApplication) -> bool {
    application.pre_authentication == PreAuthentication::SignIn
        && application.admission.as_ref().is_some_and(|own| own.is_enabled() && !own.is_assignment_required())
}
