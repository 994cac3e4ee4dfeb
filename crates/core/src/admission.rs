//! Who may use an application that requires sign-in, compiled from its service principal and its app role assignments.
//!
//! Rules: without `appRoleAssignmentRequired` everybody who has signed in may. With it only whoever is assigned: themselves
//! or through a group of their session, with default access or in an app role. A role that was disabled or taken away gives
//! nothing, neither its name nor access. An application or a service principal that is disabled takes no sign-ins.
//!
//! A principal is found by its id, in one step each for the user and for every group, however many are assigned.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use serde_json::Value;
use uuid::Uuid;

use crate::app_role_assignment::{AppRoleAssignment, DEFAULT_ACCESS, PrincipalKind};
use crate::application::Application;
use crate::id::PrincipalId;
use crate::service_principal::{ServicePrincipal, assignable_role, effective_app_roles};

/// The attribute of a service principal by which assignment is required.
const ASSIGNMENT_REQUIRED: &str = "appRoleAssignmentRequired";

/// The attribute of a service principal by which it is disabled.
const ENABLED: &str = "accountEnabled";

/// The attribute by which an application, or its service principal, is deactivated.
const DEACTIVATED: &str = "isDisabled";

/// The most assignments of one application that gateways know, some ten megabytes; what is beyond gives no access.
pub const MOST_ASSIGNMENTS: usize = 100_000;

/// The most roles of one application: far more than are ever declared, and a number of 16 bits names each.
const MOST_ROLES: usize = 10_000;

/// Who may use one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    is_enabled: bool,
    is_assignment_required: bool,
    users: Assigned,
    groups: Assigned,
    programs: Assigned,
    /// The values of the roles that are named in assignments.
    roles: Vec<Arc<str>>,
}

/// Each principal with its roles; with none of them it has default access.
type Assigned = HashMap<PrincipalId, Vec<u16>, IdHash>;

/// Ids can be anybody's choice where principals are another issuer's, so each process spreads them by numbers of its own:
/// nobody can choose ids that fall together. The keyed hash of the standard library would cost more than all the rest of a
/// decision.
#[derive(Debug, Clone, Copy)]
struct IdHash(u64, u64);

impl Default for IdHash {
    fn default() -> Self {
        static SEEDS: LazyLock<IdHash> = LazyLock::new(|| {
            let random = RandomState::new();
            IdHash(random.hash_one(0_u8), random.hash_one(1_u8))
        });
        *SEEDS
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { seeds: *self, hash: 0 }
    }
}

struct IdHasher {
    seeds: IdHash,
    hash: u64,
}

impl Hasher for IdHasher {
    /// An id is 16 bytes: its halves, mixed with the seeds, are multiplied, and the halves of the product are put together.
    fn write(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        for chunk in bytes.chunks(16) {
            let (left, right) = chunk.split_at(chunk.len().min(8));
            let left = u128::from(word(left) ^ self.seeds.0);
            let product = left.wrapping_mul(u128::from(word(right) ^ self.seeds.1 ^ self.hash));
            let half = |shift: u32| u64::try_from(product >> shift & u128::from(u64::MAX)).unwrap_or_default();
            self.hash = half(64) ^ half(0);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.hash
    }
}

/// Through what somebody was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match<'a> {
    /// The user or program itself, or a group.
    pub kind: PrincipalKind,
    /// Which.
    pub principal: PrincipalId,
    numbers: &'a [u16],
    admission: &'a Admission,
}

impl Match<'_> {
    /// The values of the roles; none for default access.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<str>> {
        self.numbers.iter().filter_map(|number| self.admission.roles.get(usize::from(*number)))
    }
}

impl Admission {
    /// Compiles the admission to `application` from its service principal and the assignments to that.
    #[must_use]
    pub fn of(
        application: &Application,
        principal: &ServicePrincipal,
        assignments: impl IntoIterator<Item = Assignee>,
    ) -> Self {
        let flag = |name| principal.attributes.get(name).and_then(Value::as_bool);
        let is_deactivated = [&application.attributes, &principal.attributes]
            .iter()
            .any(|own| own.get(DEACTIVATED).and_then(Value::as_bool) == Some(true));
        let mut admission = Self {
            is_enabled: flag(ENABLED).unwrap_or(true) && !is_deactivated,
            is_assignment_required: flag(ASSIGNMENT_REQUIRED).unwrap_or(false),
            users: Assigned::default(),
            groups: Assigned::default(),
            programs: Assigned::default(),
            roles: Vec::new(),
        };
        let roles = effective_app_roles(Some(application), principal);
        let mut numbers = HashMap::new();
        for assignment in assignments.into_iter().take(MOST_ASSIGNMENTS) {
            let (role, kind) = (assignment.app_role, assignment.kind);
            let number = *numbers.entry((role, kind)).or_insert_with(|| admission.number(&roles, role, kind));
            admission.assign(&assignment, number);
        }
        admission
    }

    /// What an assignment in `role` gives.
    fn number(&mut self, roles: &[Value], role: Uuid, kind: PrincipalKind) -> Given {
        if role == DEFAULT_ACCESS {
            return Given::Access;
        }
        let Some(found) = assignable_role(roles, role, kind).filter(|_| self.roles.len() < MOST_ROLES) else {
            return Given::Nothing;
        };
        let value = found.get("value").and_then(Value::as_str);
        let Some(value) = value.filter(|value| !value.is_empty()) else { return Given::Access };
        self.roles.push(Arc::from(value));
        u16::try_from(self.roles.len() - 1).map_or(Given::Nothing, Given::Role)
    }

    fn assign(&mut self, assignment: &Assignee, given: Given) {
        let assigned = match assignment.kind {
            PrincipalKind::User => &mut self.users,
            PrincipalKind::Group => &mut self.groups,
            PrincipalKind::ServicePrincipal => &mut self.programs,
        };
        match given {
            Given::Nothing => {}
            Given::Access => _ = assigned.entry(assignment.principal).or_default(),
            Given::Role(number) => assigned.entry(assignment.principal).or_default().push(number),
        }
    }

    /// Whether it takes sign-ins at all.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Whether only those who are assigned may.
    #[must_use]
    pub const fn is_assignment_required(&self) -> bool {
        self.is_assignment_required
    }

    /// All assignments that hold for a user or program with those groups.
    pub fn matches<'a>(
        &'a self,
        kind: PrincipalKind,
        principal: PrincipalId,
        groups: &'a [PrincipalId],
    ) -> impl Iterator<Item = Match<'a>> {
        let own = match kind {
            PrincipalKind::User => Some(&self.users),
            PrincipalKind::ServicePrincipal => Some(&self.programs),
            // Nobody signs in as a group.
            PrincipalKind::Group => None,
        };
        let found = |assigned: &'a Assigned, kind, principal| {
            let numbers = assigned.get(&principal)?;
            Some(Match { kind, principal, numbers, admission: self })
        };
        let own = own.and_then(|own| found(own, kind, principal));
        // Where no group is assigned, none is looked for.
        let groups = if self.groups.is_empty() { &[] } else { groups };
        own.into_iter().chain(groups.iter().filter_map(move |group| found(&self.groups, PrincipalKind::Group, *group)))
    }

    /// The values of the roles in which they are, each once.
    #[must_use]
    pub fn roles(matches: &[Match<'_>]) -> Vec<Arc<str>> {
        let values: BTreeSet<&Arc<str>> = matches.iter().flat_map(Match::roles).collect();
        values.into_iter().cloned().collect()
    }

    /// The groups that are assigned.
    pub fn groups(&self) -> impl Iterator<Item = PrincipalId> {
        self.groups.keys().copied()
    }

    /// The users that are assigned themselves, in no order.
    pub fn users(&self) -> impl Iterator<Item = PrincipalId> {
        self.users.keys().copied()
    }

    /// Whether that group is assigned.
    #[must_use]
    pub fn names_group(&self, group: PrincipalId) -> bool {
        self.groups.contains_key(&group)
    }

    /// Whether that user is assigned itself.
    #[must_use]
    pub fn names_user(&self, user: PrincipalId) -> bool {
        self.users.contains_key(&user)
    }
}

/// Who is assigned, and in which role: what of an assignment decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignee {
    /// The user, group or program.
    pub principal: PrincipalId,
    /// Which of them it is.
    pub kind: PrincipalKind,
    /// In which role.
    pub app_role: Uuid,
}

impl From<&AppRoleAssignment> for Assignee {
    fn from(assignment: &AppRoleAssignment) -> Self {
        let AppRoleAssignment { principal, principal_kind, app_role, .. } = assignment;
        Self { principal: *principal, kind: *principal_kind, app_role: *app_role }
    }
}

/// What an assignment gives.
#[derive(Debug, Clone, Copy)]
enum Given {
    Nothing,
    Access,
    Role(u16),
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::application::tests::application;
    use crate::id::{AppId, AppRoleAssignmentId, ServicePrincipalId};
    use crate::name::DisplayName;
    use crate::revision::Revision;

    pub(crate) fn id(number: u128) -> PrincipalId {
        PrincipalId::new(Uuid::from_u128(number))
    }

    /// A service principal with the roles 1 `read`, 2 `write`, and 3 that is disabled.
    fn service_principal(attributes: Value) -> ServicePrincipal {
        let mut attributes = attributes.as_object().unwrap().clone();
        let role =
            |number, value, enabled| json!({"id": Uuid::from_u128(number), "value": value, "isEnabled": enabled});
        let roles = json!([role(1, "read", true), role(2, "write", true), role(3, "gone", false)]);
        attributes.insert("appRoles".to_owned(), roles);
        ServicePrincipal {
            id: ServicePrincipalId::new(Uuid::from_u128(7)),
            app_id: AppId::new(Uuid::from_u128(1001)),
            display_name: DisplayName::parse("Wiki").unwrap(),
            created: Timestamp::UNIX_EPOCH,
            attributes,
            revision: Revision(0),
        }
    }

    fn assignment(kind: PrincipalKind, principal: u128, role: u128) -> AppRoleAssignment {
        AppRoleAssignment {
            id: AppRoleAssignmentId::new(Uuid::from_u128(1)),
            app_role: Uuid::from_u128(role),
            principal: id(principal),
            principal_kind: kind,
            principal_name: None,
            resource: ServicePrincipalId::new(Uuid::from_u128(7)),
            resource_name: "Wiki".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            revision: Revision(0),
        }
    }

    pub(crate) fn admission(attributes: Value, assigned: &[(PrincipalKind, u128, u128)]) -> Admission {
        let assignments: Vec<_> = assigned.iter().map(|(kind, who, role)| assignment(*kind, *who, *role)).collect();
        Admission::of(&application(1), &service_principal(attributes), assignments.iter().map(Assignee::from))
    }

    fn roles(admission: &Admission, kind: PrincipalKind, who: u128, groups: &[u128]) -> Option<Vec<String>> {
        let groups: Vec<_> = groups.iter().copied().map(id).collect();
        let matches: Vec<_> = admission.matches(kind, id(who), &groups).collect();
        let roles = Admission::roles(&matches).iter().map(ToString::to_string).collect();
        (!matches.is_empty()).then_some(roles)
    }

    #[test]
    fn users_and_groups_have_the_roles_of_their_assignments_and_nobody_else_has() {
        use PrincipalKind::{Group, ServicePrincipal, User};
        let assigned = [(User, 10, 0), (User, 11, 1), (User, 11, 2), (Group, 20, 2), (ServicePrincipal, 30, 1)];
        let wiki = admission(json!({}), &assigned);
        let found = |kind, who, groups: &[u128]| roles(&wiki, kind, who, groups);
        let list = |roles: &[&str]| Some(roles.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found(User, 10, &[]), list(&[]), "default access has no role");
        assert_eq!(found(User, 11, &[]), list(&["read", "write"]));
        assert_eq!(found(User, 10, &[20, 21]), list(&["write"]));
        assert_eq!(found(User, 11, &[20]), list(&["read", "write"]), "each role once");
        assert_eq!(found(ServicePrincipal, 30, &[]), list(&["read"]));
        for (kind, who, groups) in
            [(User, 12, vec![21]), (User, 20, vec![]), (User, 30, vec![]), (Group, 20, vec![]), (User, 12, vec![10])]
        {
            assert_eq!(found(kind, who, &groups), None, "{kind} {who} in {groups:?}");
        }
    }

    #[test]
    fn a_role_that_is_disabled_or_gone_gives_nothing() {
        let wiki = admission(json!({}), &[(PrincipalKind::User, 10, 3), (PrincipalKind::User, 10, 99)]);
        assert_eq!(roles(&wiki, PrincipalKind::User, 10, &[]), None);
    }

    #[test]
    fn ids_fall_together_for_nobody_who_does_not_know_the_seeds_of_the_process() {
        // Without a seed all of these had one hash: what the first half changes, the second takes back.
        let ids: Vec<PrincipalId> = (0..4096_u128)
            .map(|number| {
                let first =
                    (0..12).filter(|bit| number >> bit & 1 == 1).fold(0_u64, |word, bit| word | 1 << (52 + bit));
                let hash = first.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                PrincipalId::new(Uuid::from_u64_pair(first, hash.rotate_left(5)))
            })
            .collect();
        let places = |hash: IdHash| ids.iter().map(|id| hash.hash_one(id)).collect::<std::collections::HashSet<_>>();
        assert_eq!(places(IdHash::default()).len(), ids.len());
        assert_ne!(places(IdHash(1, 2)), places(IdHash(3, 4)), "the seeds decide");
        assert_eq!(places(IdHash::default()), places(IdHash::default()), "one process has one hash");
    }

    #[test]
    fn a_role_for_users_gives_a_program_nothing() {
        use PrincipalKind::{ServicePrincipal, User};
        let role =
            json!({"id": Uuid::from_u128(1), "value": "read", "isEnabled": true, "allowedMemberTypes": ["User"]});
        let mut principal = service_principal(json!({}));
        principal.attributes.insert("appRoles".to_owned(), json!([role]));
        let assigned = [assignment(ServicePrincipal, 30, 1), assignment(User, 10, 1)];
        let wiki = Admission::of(&application(1), &principal, assigned.iter().map(Assignee::from));
        assert_eq!(roles(&wiki, ServicePrincipal, 30, &[]), None);
        assert_eq!(roles(&wiki, User, 10, &[]), Some(vec!["read".to_owned()]));
    }

    #[test]
    fn what_the_service_principal_says_holds_and_what_it_does_not_say_is_as_elsewhere() {
        let silent = admission(json!({}), &[]);
        assert!(silent.is_enabled() && !silent.is_assignment_required());
        let said = admission(json!({"appRoleAssignmentRequired": true, "accountEnabled": false}), &[]);
        assert!(!said.is_enabled() && said.is_assignment_required());
        assert!(!admission(json!({"isDisabled": true}), &[]).is_enabled());
        assert!(admission(json!({"isDisabled": false, "accountEnabled": true}), &[]).is_enabled());
        let mut deactivated = application(1);
        deactivated.attributes.insert("isDisabled".to_owned(), json!(true));
        assert!(!Admission::of(&deactivated, &service_principal(json!({})), []).is_enabled());
    }
}
