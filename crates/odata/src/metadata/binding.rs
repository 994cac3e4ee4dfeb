//! Where the navigations of an entity set lead: the bindings that let a client build the URL of what it finds there.
//!
//! A navigation leads to the entity set of its target's type; else to where entities of that type are contained, below
//! a set or a singleton. A contained navigation leads nowhere else, so what is looked at is what lies below it.

use crate::model::{ComplexType, EntityType, Model, Navigation, Type};

/// How many navigations and structured properties deep bindings are looked for: types may lead back to themselves.
const DEPTH: usize = 6;

/// One navigation, and the set that its entities are in.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binding {
    pub(super) path: String,
    pub(super) target: String,
}

/// The bindings of an entity set or singleton whose entities are of the type `kind`.
pub(super) fn of(model: &'static Model, kind: &'static EntityType) -> Vec<Binding> {
    let mut bindings = Vec::new();
    below_entity(model, kind, "", DEPTH, &mut bindings);
    bindings.sort();
    bindings.dedup();
    bindings
}

fn below_entity(model: &'static Model, kind: &'static EntityType, path: &str, depth: usize, found: &mut Vec<Binding>) {
    for navigation in kind.all_navigations() {
        through(model, navigation, path, depth, found);
    }
    for property in kind.all_properties() {
        if let Type::Complex(complex) = &property.kind {
            below_complex(model, complex, &format!("{path}{}/", property.name), depth, found);
        }
    }
}

/// A structured value may be of a derived type; its navigations are then behind a cast.
fn below_complex(
    model: &'static Model,
    kind: &'static ComplexType,
    path: &str,
    depth: usize,
    found: &mut Vec<Binding>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for variant in model.complex_types.iter().filter(|variant| variant.is_a(kind)) {
        let own = std::ptr::eq(*variant, kind);
        let path = if own { path.to_owned() } else { format!("{path}{}.{}/", model.namespace, variant.name) };
        for navigation in variant.navigations {
            through(model, navigation, &path, depth, found);
        }
        for property in variant.properties {
            if let Type::Complex(complex) = &property.kind {
                below_complex(model, complex, &format!("{path}{}/", property.name), depth, found);
            }
        }
    }
}

fn through(model: &'static Model, navigation: &'static Navigation, path: &str, depth: usize, found: &mut Vec<Binding>) {
    let path = format!("{path}{}", navigation.name);
    if !navigation.contained {
        found.extend(home(model, navigation.target).map(|target| Binding { path, target }));
        return;
    }
    if let Some(depth) = depth.checked_sub(1) {
        below_entity(model, navigation.target, &format!("{path}/"), depth, found);
    }
}

/// The entity set of a type, or the place below a set or a singleton that contains its entities.
fn home(model: &'static Model, kind: &'static EntityType) -> Option<String> {
    if let Some(set) = model.entity_sets.iter().find(|set| std::ptr::eq(set.entity_type, kind)) {
        return Some(set.name.to_owned());
    }
    let sets = model.entity_sets.iter().map(|set| (set.name, set.entity_type));
    let singletons = model.singletons.iter().map(|singleton| (singleton.name, singleton.entity_type));
    sets.chain(singletons).find_map(|(name, owner)| {
        let contains = |navigation: &&Navigation| navigation.contained && std::ptr::eq(navigation.target, kind);
        owner.navigations.iter().find(contains).map(|navigation| format!("{name}/{}", navigation.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{APPLICATION, DIRECTORY, MODEL, PROFILE};

    fn bindings(kind: &'static EntityType) -> Vec<(String, String)> {
        of(&MODEL, kind).into_iter().map(|binding| (binding.path, binding.target)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(path, target)| ((*path).to_owned(), (*target).to_owned())).collect()
    }

    #[test]
    fn a_navigation_leads_to_the_set_of_its_type_or_to_where_it_is_contained() {
        let expected =
            [("connectorGroup", "onPremisesPublishingProfiles/connectorGroups"), ("owners", "directoryObjects")];
        assert_eq!(bindings(&APPLICATION), pairs(&expected));
    }

    #[test]
    fn contained_navigations_are_looked_below() {
        let expected = [
            ("connectorGroups/applications", "applications"),
            ("connectorGroups/members", "onPremisesPublishingProfiles/connectors"),
            ("connectors/memberOf", "onPremisesPublishingProfiles/connectorGroups"),
        ];
        assert_eq!(bindings(&PROFILE), pairs(&expected));
        assert_eq!(bindings(&DIRECTORY), []);
    }
}
