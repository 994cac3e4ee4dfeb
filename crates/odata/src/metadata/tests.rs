//! `$metadata` read back: everything declared is there, and every reference leads to something.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use super::*;
use crate::sample::MODEL;

/// The types a name may mean although no schema declares them.
const PRIMITIVE: &[&str] = &[
    "String",
    "Guid",
    "Boolean",
    "Int32",
    "Int64",
    "Double",
    "DateTimeOffset",
    "Date",
    "TimeOfDay",
    "Duration",
    "Binary",
    "Untyped",
];

fn named<'n>(node: Node<'n, 'n>, element: &str, name: &str) -> Option<Node<'n, 'n>> {
    node.children().find(|child| {
        child.has_tag_name(("http://docs.oasis-open.org/odata/ns/edm", element))
            && child.attribute("Name") == Some(name)
    })
}

fn schema_of<'d>(document: &'d Document<'d>, namespace: &str) -> Node<'d, 'd> {
    let is_it = |node: &Node| node.tag_name().name() == "Schema" && node.attribute("Namespace") == Some(namespace);
    document.descendants().find(is_it).expect(namespace)
}

fn element_type(name: &str) -> &str {
    name.strip_prefix("Collection(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(name)
}

/// Checks that a structured type has what the model declares for it, and that nothing is declared twice.
#[track_caller]
fn assert_has(node: Node, properties: &[&Property], navigations: &[Navigation]) {
    for property in properties {
        let found = named(node, "Property", property.name).expect(property.name);
        assert_eq!(found.attribute("Type"), Some(type_name(&MODEL, &property.kind).as_str()), "{}", property.name);
        assert_eq!(found.attribute("Nullable"), (!property.nullable).then_some("false"), "{}", property.name);
        let computed = found.children().any(|child| child.attribute("Term") == Some("Org.OData.Core.V1.Computed"));
        assert_eq!(computed, property.set_by == SetBy::System, "{}", property.name);
    }
    for navigation in navigations {
        let found = named(node, "NavigationProperty", navigation.name).expect(navigation.name);
        assert_eq!(found.attribute("ContainsTarget"), navigation.contained.then_some("true"), "{}", navigation.name);
        let many = found.attribute("Type").unwrap().starts_with("Collection(");
        assert_eq!(many, navigation.multiplicity == Multiplicity::Many, "{}", navigation.name);
    }
    let names: Vec<_> = node.children().filter_map(|child| child.attribute("Name")).collect();
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{names:?}");
}

#[test]
fn every_type_property_and_navigation_of_the_model_is_declared() {
    let text = csdl(&MODEL);
    let document = Document::parse(&text).unwrap();
    let schema = schema_of(&document, MODEL.namespace);
    for kind in MODEL.enum_types {
        let node = named(schema, "EnumType", kind.name).expect(kind.name);
        assert_eq!(node.attribute("IsFlags"), kind.flags.then_some("true"));
        for member in kind.members {
            let found = named(node, "Member", member.name).expect(member.name);
            assert_eq!(found.attribute("Value"), Some(member.value.to_string().as_str()));
        }
    }
    for kind in MODEL.complex_types {
        let node = named(schema, "ComplexType", kind.name).expect(kind.name);
        assert_eq!(node.attribute("OpenType"), kind.open.then_some("true"), "{}", kind.name);
        assert_has(node, &kind.properties.iter().collect::<Vec<_>>(), kind.navigations);
    }
    for kind in MODEL.entity_types {
        let node = named(schema, "EntityType", kind.name).expect(kind.name);
        assert_eq!(node.attribute("BaseType").is_some(), kind.base.is_some(), "{}", kind.name);
        let inherited = |name: &str| kind.base.is_some_and(|base| base.property(name).is_some());
        let own: Vec<_> = kind.properties.iter().filter(|property| !inherited(property.name)).collect();
        assert_has(node, &own, kind.navigations);
        let has_key = node.children().any(|child| child.tag_name().name() == "Key");
        assert_eq!(has_key, kind.base.is_none(), "{}: the key is declared once in a chain of bases", kind.name);
    }
    for (namespace, kind) in MODEL.foreign_complex_types {
        let node = named(schema_of(&document, namespace), "ComplexType", kind.name).expect(kind.name);
        assert_has(node, &kind.properties.iter().collect::<Vec<_>>(), kind.navigations);
    }
}

#[test]
fn every_operation_is_declared_with_what_it_is_bound_to() {
    let text = csdl(&MODEL);
    let document = Document::parse(&text).unwrap();
    for operation in MODEL.operations {
        let element = if operation.kind == OperationKind::Action { "Action" } else { "Function" };
        let node = named(schema_of(&document, operation.namespace), element, operation.name).expect(operation.name);
        let parameters: Vec<_> = node.children().filter(|child| child.tag_name().name() == "Parameter").collect();
        let bound_to = match operation.bound_to {
            BoundTo::Entity(kind) => format!("microsoft.graph.{}", kind.name),
            BoundTo::Collection(kind) => format!("Collection(microsoft.graph.{})", kind.name),
        };
        assert_eq!(node.attribute("IsBound"), Some("true"));
        assert_eq!(parameters.first().and_then(|first| first.attribute("Type")), Some(bound_to.as_str()));
        let names: Vec<_> = parameters.iter().skip(1).filter_map(|parameter| parameter.attribute("Name")).collect();
        assert_eq!(names, operation.parameters.iter().map(|parameter| parameter.name).collect::<Vec<_>>());
        let returns = node.children().any(|child| child.tag_name().name() == "ReturnType");
        assert_eq!(returns, !matches!(operation.returns, Returns::Nothing), "{}", operation.name);
    }
}

#[test]
fn every_type_that_is_named_is_declared() {
    let text = csdl(&MODEL);
    let document = Document::parse(&text).unwrap();
    let mut declared: BTreeSet<String> = PRIMITIVE.iter().map(|name| format!("Edm.{name}")).collect();
    for schema in document.descendants().filter(|node| node.tag_name().name() == "Schema") {
        let namespace = schema.attribute("Namespace").unwrap();
        let types = schema.children().filter(|child| child.tag_name().name().ends_with("Type"));
        declared.extend(types.filter_map(|kind| kind.attribute("Name")).map(|name| format!("{namespace}.{name}")));
    }
    let mut seen = 0;
    for node in document.descendants().filter(|node| node.tag_name().name() != "Record") {
        for attribute in ["Type", "BaseType", "EntityType"] {
            let Some(name) = node.attribute(attribute) else { continue };
            seen += 1;
            assert!(declared.contains(element_type(name)), "{name} in {:?}", node.attribute("Name"));
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn the_container_has_every_set_and_singleton_and_its_bindings_lead_to_sets() {
    let text = csdl(&MODEL);
    let document = Document::parse(&text).unwrap();
    let container = named(schema_of(&document, MODEL.namespace), "EntityContainer", "GraphService").unwrap();
    for set in MODEL.entity_sets {
        let node = named(container, "EntitySet", set.name).expect(set.name);
        assert_eq!(node.attribute("EntityType"), Some(format!("microsoft.graph.{}", set.entity_type.name).as_str()));
    }
    for singleton in MODEL.singletons {
        assert!(named(container, "Singleton", singleton.name).is_some(), "{}", singleton.name);
    }
    let mut targets = container.descendants().filter_map(|node| node.attribute("Target")).peekable();
    assert!(targets.peek().is_some());
    for target in targets {
        let set = target.split('/').next().unwrap();
        assert!(MODEL.entity_set(set).is_some() || MODEL.singleton(set).is_some(), "{target}");
    }
}

#[test]
fn alternate_keys_are_annotated() {
    let text = csdl(&MODEL);
    let document = Document::parse(&text).unwrap();
    let application = named(schema_of(&document, MODEL.namespace), "EntityType", "application").unwrap();
    let paths: Vec<_> = application.descendants().filter_map(|node| node.attribute("PropertyPath")).collect();
    assert_eq!(paths, ["appId", "uniqueName"]);
}

#[test]
fn the_service_document_lists_what_a_path_can_start_with() {
    let document = service_document(&MODEL, "https://adit.example/beta");
    assert_eq!(document["@odata.context"], "https://adit.example/beta/$metadata");
    let value = document["value"].as_array().unwrap();
    assert_eq!(value.len(), MODEL.entity_sets.len() + MODEL.singletons.len());
    assert!(value.contains(&json!({ "name": "applications", "kind": "EntitySet", "url": "applications" })));
    assert!(value.contains(&json!({ "name": "directory", "kind": "Singleton", "url": "directory" })));
}
