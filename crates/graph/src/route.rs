//! The route table: every method and path that is served, which operation it is, and what it takes to be allowed.
//!
//! `P` at the start of a pattern stands for the publishing profile, written as
//! `onPremisesPublishingProfiles/applicationProxy`, with the key in parentheses, or left out before `connectors` and
//! `connectorGroups` as in 2016. Words match without case; a name in braces takes a key.

use adit_odata::path::Part;
use http::Method;

use crate::error::GraphError;
use crate::permission::Permission::{
    self, AssignConnectorGroup as Assign, ReadApplications, ReadConnectors, ReadProfile, WriteApplications,
    WriteConnectors,
};

/// What can be asked of the API; one handler each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ReadProfile,
    ListConnectors,
    CountConnectors,
    ReadConnector,
    DeleteConnector,
    ListGroupsOfConnector,
    CountGroupsOfConnector,
    ListGroupReferencesOfConnector,
    ReadGroupOfConnector,
    MoveConnector,
    LeaveConnectorGroup,
    ListConnectorGroups,
    CountConnectorGroups,
    CreateConnectorGroup,
    ReadConnectorGroup,
    UpdateConnectorGroup,
    DeleteConnectorGroup,
    ListMembers,
    CountMembers,
    ListMemberReferences,
    ReadMember,
    AddMember,
    RemoveMember,
    ListApplicationsOfGroup,
    CountApplicationsOfGroup,
    ListApplicationReferencesOfGroup,
    ReadApplicationOfGroup,
    AssignApplicationToGroup,
    CreateRegistrationToken,
    ListApplications,
    CountApplications,
    CreateApplication,
    ReadApplication,
    UpdateApplication,
    DeleteApplication,
    ReadPublishing,
    UpdatePublishing,
    DeletePublishing,
    ReadGroupOfApplication,
    ReadGroupReferenceOfApplication,
    AssignConnectorGroup,
    UnassignConnectorGroup,
    ListMembersOfApplication,
    CountMembersOfApplication,
    ListMemberReferencesOfApplication,
    ReadMemberOfApplication,
    AddConnectorToApplication,
    ListGroupsOfMember,
    PlaceMemberInGroup,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) pattern: &'static str,
    pub(crate) operation: Operation,
    pub(crate) permission: Permission,
}

const fn route(method: Method, pattern: &'static str, operation: Operation, permission: Permission) -> Route {
    Route { method, pattern, operation, permission }
}

/// Every route.
#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "P", Operation::ReadProfile, ReadProfile),

    route(Method::GET, "P/connectors", Operation::ListConnectors, ReadConnectors),
    route(Method::GET, "P/connectors/$count", Operation::CountConnectors, ReadConnectors),
    route(Method::GET, "P/connectors/{connector}", Operation::ReadConnector, ReadConnectors),
    route(Method::DELETE, "P/connectors/{connector}", Operation::DeleteConnector, WriteConnectors),
    route(Method::GET, "P/connectors/{connector}/memberOf", Operation::ListGroupsOfConnector, ReadConnectors),
    route(Method::GET, "P/connectors/{connector}/memberOf/$count", Operation::CountGroupsOfConnector, ReadConnectors),
    route(Method::GET, "P/connectors/{connector}/memberOf/$ref", Operation::ListGroupReferencesOfConnector, ReadConnectors),
    route(Method::GET, "P/connectors/{connector}/memberOf/{group}", Operation::ReadGroupOfConnector, ReadConnectors),
    route(Method::POST, "P/connectors/{connector}/memberOf", Operation::MoveConnector, WriteConnectors),
    route(Method::POST, "P/connectors/{connector}/memberOf/$ref", Operation::MoveConnector, WriteConnectors),
    route(Method::PUT, "P/connectors/{connector}/memberOf/$ref", Operation::MoveConnector, WriteConnectors),
    route(Method::DELETE, "P/connectors/{connector}/memberOf/$ref", Operation::LeaveConnectorGroup, WriteConnectors),
    route(Method::DELETE, "P/connectors/{connector}/memberOf/{group}/$ref", Operation::LeaveConnectorGroup, WriteConnectors),

    route(Method::GET, "P/connectorGroups", Operation::ListConnectorGroups, ReadConnectors),
    route(Method::GET, "P/connectorGroups/$count", Operation::CountConnectorGroups, ReadConnectors),
    route(Method::POST, "P/connectorGroups", Operation::CreateConnectorGroup, WriteConnectors),
    route(Method::GET, "P/connectorGroups/{group}", Operation::ReadConnectorGroup, ReadConnectors),
    route(Method::PATCH, "P/connectorGroups/{group}", Operation::UpdateConnectorGroup, WriteConnectors),
    route(Method::DELETE, "P/connectorGroups/{group}", Operation::DeleteConnectorGroup, WriteConnectors),
    route(Method::GET, "P/connectorGroups/{group}/members", Operation::ListMembers, ReadConnectors),
    route(Method::GET, "P/connectorGroups/{group}/members/$count", Operation::CountMembers, ReadConnectors),
    route(Method::GET, "P/connectorGroups/{group}/members/$ref", Operation::ListMemberReferences, ReadConnectors),
    route(Method::POST, "P/connectorGroups/{group}/members/$ref", Operation::AddMember, WriteConnectors),
    route(Method::DELETE, "P/connectorGroups/{group}/members/$ref", Operation::RemoveMember, WriteConnectors),
    route(Method::GET, "P/connectorGroups/{group}/members/{connector}", Operation::ReadMember, ReadConnectors),
    route(Method::DELETE, "P/connectorGroups/{group}/members/{connector}/$ref", Operation::RemoveMember, WriteConnectors),
    route(Method::GET, "P/connectorGroups/{group}/applications", Operation::ListApplicationsOfGroup, ReadConnectors),
    route(Method::GET, "P/connectorGroups/{group}/applications/$count", Operation::CountApplicationsOfGroup, ReadConnectors),
    route(Method::GET, "P/connectorGroups/{group}/applications/$ref", Operation::ListApplicationReferencesOfGroup, ReadConnectors),
    route(Method::GET, "P/connectorGroups/{group}/applications/{application}", Operation::ReadApplicationOfGroup, ReadConnectors),
    route(Method::POST, "P/connectorGroups/{group}/applications", Operation::AssignApplicationToGroup, Assign),
    route(Method::POST, "P/connectorGroups/{group}/applications/$ref", Operation::AssignApplicationToGroup, Assign),
    route(Method::POST, "P/connectorGroups/{group}/adit.createRegistrationToken", Operation::CreateRegistrationToken, WriteConnectors),

    route(Method::GET, "applications", Operation::ListApplications, ReadApplications),
    route(Method::GET, "applications/$count", Operation::CountApplications, ReadApplications),
    route(Method::POST, "applications", Operation::CreateApplication, WriteApplications),
    route(Method::GET, "applications/{application}", Operation::ReadApplication, ReadApplications),
    route(Method::PATCH, "applications/{application}", Operation::UpdateApplication, WriteApplications),
    route(Method::DELETE, "applications/{application}", Operation::DeleteApplication, WriteApplications),
    route(Method::GET, "applications/{application}/onPremisesPublishing", Operation::ReadPublishing, ReadApplications),
    route(Method::PATCH, "applications/{application}/onPremisesPublishing", Operation::UpdatePublishing, WriteApplications),
    route(Method::DELETE, "applications/{application}/onPremisesPublishing", Operation::DeletePublishing, WriteApplications),
    route(Method::GET, "applications/{application}/connectorGroup", Operation::ReadGroupOfApplication, ReadConnectors),
    route(Method::GET, "applications/{application}/connectorGroup/$ref", Operation::ReadGroupReferenceOfApplication, ReadConnectors),
    route(Method::PUT, "applications/{application}/connectorGroup/$ref", Operation::AssignConnectorGroup, Assign),
    route(Method::POST, "applications/{application}/connectorGroup/$ref", Operation::AssignConnectorGroup, Assign),
    route(Method::PATCH, "applications/{application}/connectorGroup/$ref", Operation::AssignConnectorGroup, Assign),
    route(Method::DELETE, "applications/{application}/connectorGroup/$ref", Operation::UnassignConnectorGroup, Assign),
    route(Method::GET, "applications/{application}/connectorGroup/members", Operation::ListMembersOfApplication, ReadConnectors),
    route(Method::GET, "applications/{application}/connectorGroup/members/$count", Operation::CountMembersOfApplication, ReadConnectors),
    route(Method::GET, "applications/{application}/connectorGroup/members/$ref", Operation::ListMemberReferencesOfApplication, ReadConnectors),
    route(Method::POST, "applications/{application}/connectorGroup/members/$ref", Operation::AddConnectorToApplication, WriteConnectors),
    route(Method::GET, "applications/{application}/connectorGroup/members/{connector}", Operation::ReadMemberOfApplication, ReadConnectors),
    route(Method::GET, "applications/{application}/connectorGroup/members/{connector}/memberOf", Operation::ListGroupsOfMember, ReadConnectors),
    route(Method::POST, "applications/{application}/connectorGroup/members/{connector}/memberOf/$ref", Operation::PlaceMemberInGroup, WriteConnectors),
];

/// How the profile was written at the start of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Root {
    /// In full, or the path is not below the profile.
    #[default]
    Canonical,
    /// Left out, as in 2016: `/connectorGroups`.
    Alias2016,
}

/// A key in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The key itself.
    Id(String),
    /// Another property that identifies the object.
    Alternate { name: String, value: String },
}

/// A path that was matched.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) route: &'static Route,
    pub(crate) root: Root,
    pub(crate) keys: Vec<(&'static str, Key)>,
}

/// A path below the version, with the profile taken off its start.
#[derive(Debug)]
struct Place<'p> {
    below_profile: bool,
    root: Root,
    parts: &'p [Part],
}

/// Takes the version off the start of a path: `/beta`, `/v1.0`, or none. `{ver}` stands literally in the oldest
/// published requests.
pub(crate) fn version(parts: &[Part]) -> (&'static str, &[Part]) {
    match parts {
        [Part::Word(word), rest @ ..] if word.eq_ignore_ascii_case("beta") => ("/beta", rest),
        [Part::Word(word), rest @ ..] if word.eq_ignore_ascii_case("v1.0") => ("/v1.0", rest),
        [Part::Word(word), rest @ ..] if word.eq_ignore_ascii_case("{ver}") => ("", rest),
        _ => ("", parts),
    }
}

/// The methods with which a path (below the version) is served.
pub(crate) fn methods(parts: &[Part]) -> Vec<Method> {
    let Ok(place) = place(parts) else { return Vec::new() };
    let served = ROUTES.iter().filter(|route| keys(route.pattern, &place).is_some());
    served.map(|route| route.method.clone()).collect()
}

/// Finds the route for a method and a path below the version. The table is in an order such that words come before
/// keys.
pub(crate) fn find(method: &Method, parts: &[Part]) -> Result<Matched, GraphError> {
    let place = place(parts)?;
    let found = ROUTES
        .iter()
        .filter(|route| route.method == *method)
        .find_map(|route| keys(route.pattern, &place).map(|keys| Matched { route, root: place.root, keys }));
    if let Some(matched) = found {
        return Ok(matched);
    }
    let allowed = methods(parts);
    if allowed.is_empty() {
        Err(GraphError::no_such_segment(strange_segment(&place)))
    } else {
        Err(GraphError::method_not_allowed(allowed))
    }
}

fn place(parts: &[Part]) -> Result<Place<'_>, GraphError> {
    match parts {
        [Part::Word(first), rest @ ..] if first.eq_ignore_ascii_case("onPremisesPublishingProfiles") => {
            let [Part::Word(id) | Part::Key(id), rest @ ..] = rest else {
                return Err(GraphError::no_such_segment(first));
            };
            if !id.eq_ignore_ascii_case("applicationProxy") {
                return Err(GraphError::no_such_resource(id));
            }
            Ok(Place { below_profile: true, root: Root::Canonical, parts: rest })
        }
        [Part::Word(first), ..]
            if ["connectors", "connector", "connectorGroups"].iter().any(|alias| first.eq_ignore_ascii_case(alias)) =>
        {
            Ok(Place { below_profile: true, root: Root::Alias2016, parts })
        }
        _ => Ok(Place { below_profile: false, root: Root::Canonical, parts }),
    }
}

/// The keys of `place`, if it has the form of `pattern`.
fn keys(pattern: &'static str, place: &Place<'_>) -> Option<Vec<(&'static str, Key)>> {
    let words = match (pattern.strip_prefix('P'), place.below_profile) {
        (Some(rest), true) => rest,
        (None, false) => pattern,
        _ => return None,
    };
    let mut words = words.split('/').filter(|word| !word.is_empty());
    let mut keys = Vec::new();
    for part in place.parts {
        let word = words.next()?;
        match (word.strip_prefix('{').and_then(|word| word.strip_suffix('}')), part) {
            (Some(name), Part::Word(id) | Part::Key(id)) => keys.push((name, Key::Id(id.clone()))),
            (Some(name), Part::NamedKey { name: property, value }) => {
                keys.push((name, Key::Alternate { name: property.clone(), value: value.clone() }));
            }
            (None, Part::Word(own)) if is_word(word, own) => {}
            _ => return None,
        }
    }
    words.next().is_none().then_some(keys)
}

/// `connector` is how the oldest page writes `connectors`.
fn is_word(word: &str, own: &str) -> bool {
    own.eq_ignore_ascii_case(word) || (word == "connectors" && own.eq_ignore_ascii_case("connector"))
}

/// The first segment that no route has at its place, for the message.
fn strange_segment<'p>(place: &Place<'p>) -> &'p str {
    let known = |length: usize| {
        let prefix = Place { parts: place.parts.get(..length).unwrap_or_default(), ..*place };
        ROUTES.iter().any(|route| begins(route.pattern, &prefix))
    };
    let strange = (1..=place.parts.len()).find(|length| !known(*length)).unwrap_or(place.parts.len());
    place.parts.get(strange.saturating_sub(1)).map_or("", Part::text)
}

fn begins(pattern: &'static str, place: &Place<'_>) -> bool {
    let words: Vec<&str> = pattern.split('/').collect();
    let length = place.parts.len() + usize::from(pattern.starts_with('P'));
    let Some(prefix) = words.get(..length) else { return false };
    let mut rest = prefix.iter();
    if pattern.starts_with('P') != place.below_profile {
        return false;
    }
    if place.below_profile {
        rest.next();
    }
    rest.zip(place.parts).all(|(word, part)| match part {
        Part::Word(own) => word.starts_with('{') || is_word(word, own),
        Part::Key(_) | Part::NamedKey { .. } => word.starts_with('{'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_odata::path::parse;

    fn found(method: &Method, path: &str) -> Result<Matched, GraphError> {
        let parts = parse(path).unwrap();
        let (_, parts) = version(&parts);
        find(method, parts)
    }

    #[test]
    fn one_operation_is_found_by_every_spelling_of_its_path() {
        for path in [
            "/beta/onPremisesPublishingProfiles/applicationProxy/connectorGroups/7/members/$ref",
            "/v1.0/onpremisespublishingprofiles/applicationproxy/connectorgroups/7/MEMBERS/%24ref/",
            "/onPremisesPublishingProfiles('applicationProxy')/connectorGroups('7')/members/$ref",
            "/BETA/connectorGroups(7)/members/$ref",
            "/{ver}/connectorGroups/7/members/$ref",
        ] {
            let matched = found(&Method::POST, path).unwrap();
            assert_eq!(matched.route.operation, Operation::AddMember, "{path}");
            assert_eq!(matched.keys, [("group", Key::Id("7".to_owned()))], "{path}");
        }
        assert_eq!(found(&Method::GET, "/connector/7").unwrap().root, Root::Alias2016);
        assert_eq!(
            found(&Method::GET, "/beta/onPremisesPublishingProfiles/applicationProxy/").unwrap().root,
            Root::Canonical
        );
    }

    #[test]
    fn words_come_before_keys_and_alternate_keys_keep_their_name() {
        assert_eq!(found(&Method::GET, "/connectors/$count").unwrap().route.operation, Operation::CountConnectors);
        let matched = found(&Method::GET, "/applications(appId='7')/connectorGroup").unwrap();
        assert_eq!(matched.route.operation, Operation::ReadGroupOfApplication);
        let key = Key::Alternate { name: "appId".to_owned(), value: "7".to_owned() };
        assert_eq!(matched.keys, [("application", key)]);
    }

    #[test]
    fn unknown_paths_name_the_segment_and_wrong_methods_name_the_right_ones() {
        for (path, segment) in [
            ("/beta/nosuch", "nosuch"),
            ("/v2.0/applications", "v2.0"),
            ("/connectors/7/nosuch/8", "nosuch"),
            ("/", ""),
            ("/beta/P/connectors", "P"),
            ("/applications/7/connectors", "connectors"),
            ("/beta/onPremisesPublishingProfiles/applicationProxy/nosuch", "nosuch"),
        ] {
            let refused = found(&Method::GET, path).unwrap_err();
            assert_eq!(refused.message, format!("Resource not found for the segment '{segment}'."), "{path}");
        }
        let refused = found(&Method::GET, "/beta/onPremisesPublishingProfiles/nosuch/connectors").unwrap_err();
        assert_eq!(refused.status, http::StatusCode::NOT_FOUND);
        let refused = found(&Method::POST, "/beta/connectors").unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.allow), (405, vec![Method::GET]));
    }

    #[test]
    fn no_two_routes_have_the_same_method_and_path() {
        for (at, route) in ROUTES.iter().enumerate() {
            let same = |other: &&Route| other.method == route.method && other.pattern == route.pattern;
            assert_eq!(ROUTES.iter().skip(at + 1).find(same).map(|route| route.pattern), None);
        }
    }
}
