//! Where entities belong, as context URLs say it (contract section 4.1).

use adit_odata::{EntityType, ResourcePath, Segment};

use super::{CONNECTOR, CONNECTOR_GROUP, MODEL, PROFILE_CONTEXT};

/// The collection that entities of a type belong to, which a context URL names: of what lives below something else the
/// path by which it was reached, of all others their one collection, whichever way led there.
pub(crate) fn context_of(kind: &'static EntityType, path: &ResourcePath) -> String {
    if std::ptr::eq(kind, &CONNECTOR) {
        return format!("{PROFILE_CONTEXT}/connectors");
    }
    if std::ptr::eq(kind, &CONNECTOR_GROUP) {
        return format!("{PROFILE_CONTEXT}/connectorGroups");
    }
    let set = MODEL.entity_sets.iter().find(|set| std::ptr::eq(set.entity_type, kind));
    match (contained(path), set) {
        (Some(collection), _) => collection.context_path(),
        (None, Some(set)) => set.name.to_owned(),
        (None, None) => path.context_path(),
    }
}

/// The collection at the end of a path, without the key of one of its items, if what is in it lives only there. What an
/// operation answers with lives elsewhere.
fn contained(path: &ResourcePath) -> Option<ResourcePath> {
    let last = path.segments.iter().rposition(|segment| matches!(segment, Segment::Navigation(_)))?;
    let (upto, after) = path.segments.split_at_checked(last + 1)?;
    let contained = matches!(upto.last(), Some(Segment::Navigation(navigation)) if navigation.contained);
    if !contained || after.iter().any(|segment| matches!(segment, Segment::Operation { .. })) {
        return None;
    }
    let cast = after.iter().take_while(|segment| matches!(segment, Segment::EntityCast(_)));
    let segments = upto.iter().chain(cast).cloned().collect();
    Some(ResourcePath { segments, ..path.clone() })
}

#[cfg(test)]
mod tests {
    use adit_odata::{path, resource};

    use super::*;

    #[track_caller]
    fn context(url: &str) -> String {
        let path = resource::resolve(&MODEL, &path::parse(url).unwrap()).unwrap();
        context_of(path.entity_type().unwrap(), &path)
    }

    const ID: &str = "5f5be7b3-28c3-4b1c-9c0f-0a4324d78ed1";

    #[test]
    fn connectors_and_groups_belong_to_the_profile_whichever_way_led_to_them() {
        let connectors = "onPremisesPublishingProfiles('applicationProxy')/connectors";
        let groups = "onPremisesPublishingProfiles('applicationProxy')/connectorGroups";
        assert_eq!(context("connectors"), connectors);
        assert_eq!(context(&format!("applications/{ID}/connectorGroup/members")), connectors);
        assert_eq!(context(&format!("onPremisesPublishingProfiles/applicationproxy/connectorGroups/{ID}")), groups);
        assert_eq!(context(&format!("applications/{ID}/connectorGroup")), groups);
    }

    #[test]
    fn what_has_a_collection_of_its_own_belongs_to_it() {
        assert_eq!(context(&format!("connectorGroups/{ID}/applications")), "applications");
        assert_eq!(context("applications/delta()"), "applications");
        assert_eq!(context(&format!("applications/{ID}/owners")), "directoryObjects");
    }

    #[test]
    fn what_lives_below_something_belongs_to_the_path_to_it() {
        let assignments = format!("servicePrincipals('{ID}')/appRoleAssignedTo");
        assert_eq!(context(&format!("servicePrincipals/{ID}/appRoleAssignedTo/{ID}")), assignments);
        assert_eq!(context("auditLogs/directoryAudits"), "auditLogs/directoryAudits");
        let deleted = "directory/deletedItems/microsoft.graph.application";
        assert_eq!(context(&format!("{deleted}/{ID}")), deleted);
    }

    #[test]
    fn what_was_restored_belongs_to_its_collection() {
        assert_eq!(context(&format!("directory/deletedItems/{ID}/restore")), "directoryObjects");
    }
}
