//! `$metadata` in CSDL XML 4.0, and the service document: what a model has, for clients and generators.
//!
//! Invariant: the document is well-formed whatever the names are, and each type it names is declared in it or is an
//! `Edm` type, as long as the model lists what it uses.

mod binding;
#[cfg(test)]
mod tests;
mod xml;

use serde_json::{Value, json};

use self::xml::Xml;
use crate::model::{
    BoundTo, ComplexType, EntityType, EnumType, Model, Multiplicity, Navigation, Operation, OperationKind, Property,
    Returns, SetBy, Type,
};

/// The name of the one entity container.
const CONTAINER: &str = "GraphService";

/// Where the terms of the annotations are declared.
const CORE: &str = "https://docs.oasis-open.org/odata/odata-vocabularies/v4.0/Org.OData.Core.V1.xml";

/// The metadata document.
#[must_use]
pub fn csdl(model: &'static Model) -> String {
    let mut xml = Xml::new();
    let edmx = [("Version", "4.0"), ("xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx")];
    xml.element("edmx:Edmx", &edmx, |xml| {
        xml.element("edmx:Reference", &[("Uri", CORE)], |xml| {
            xml.empty("edmx:Include", &[("Namespace", "Org.OData.Core.V1"), ("Alias", "Core")]);
        });
        xml.element("edmx:DataServices", &[], |xml| {
            for namespace in namespaces(model) {
                schema(xml, model, namespace);
            }
        });
    });
    xml.finish()
}

/// The service document: what a path can start with. `base` is the URL of the service without a slash at the end.
#[must_use]
pub fn service_document(model: &'static Model, base: &str) -> Value {
    let entry = |name: &str, kind: &str| json!({ "name": name, "kind": kind, "url": name });
    let sets = model.entity_sets.iter().map(|set| entry(set.name, "EntitySet"));
    let singletons = model.singletons.iter().map(|singleton| entry(singleton.name, "Singleton"));
    let value: Vec<Value> = sets.chain(singletons).collect();
    json!({ "@odata.context": format!("{base}/$metadata"), "value": value })
}

/// The name of a type as it is written in metadata: `Edm.String`, `Collection(microsoft.graph.appRole)`.
#[must_use]
pub fn type_name(model: &'static Model, kind: &Type) -> String {
    let edm = match kind {
        Type::Enum(kind) => return qualified(model, kind.name),
        Type::Complex(kind) => return complex_name(model, kind),
        Type::Collection(item) => return format!("Collection({})", type_name(model, item)),
        Type::String => "Edm.String",
        Type::Guid => "Edm.Guid",
        Type::Boolean => "Edm.Boolean",
        Type::Int32 => "Edm.Int32",
        Type::Int64 => "Edm.Int64",
        Type::Double => "Edm.Double",
        Type::DateTimeOffset => "Edm.DateTimeOffset",
        Type::Date => "Edm.Date",
        Type::TimeOfDay => "Edm.TimeOfDay",
        Type::Duration => "Edm.Duration",
        Type::Binary => "Edm.Binary",
        Type::Untyped => "Edm.Untyped",
    };
    edm.to_owned()
}

/// The name of a structured type with its namespace.
#[must_use]
pub fn complex_name(model: &'static Model, kind: &'static ComplexType) -> String {
    format!("{}.{}", model.namespace_of(kind), kind.name)
}

/// A name in the model's own namespace.
fn qualified(model: &'static Model, name: &str) -> String {
    format!("{}.{name}", model.namespace)
}

/// The model's own namespace, then those of others that it has types or operations of.
fn namespaces(model: &'static Model) -> Vec<&'static str> {
    let mut namespaces = vec![model.namespace];
    let of_types = model.foreign_complex_types.iter().map(|(namespace, _)| *namespace);
    for namespace in of_types.chain(model.operations.iter().map(|operation| operation.namespace)) {
        if !namespaces.contains(&namespace) {
            namespaces.push(namespace);
        }
    }
    namespaces
}

fn schema(xml: &mut Xml, model: &'static Model, namespace: &str) {
    let own = namespace == model.namespace;
    let mut attributes = vec![("Namespace", namespace)];
    if own {
        attributes.push(("Alias", model.alias));
    }
    attributes.push(("xmlns", "http://docs.oasis-open.org/odata/ns/edm"));
    xml.element("Schema", &attributes, |xml| {
        if own {
            own_types(xml, model);
        }
        for (_, kind) in model.foreign_complex_types.iter().filter(|(foreign, _)| *foreign == namespace) {
            complex_type(xml, model, kind);
        }
        for called in model.operations.iter().filter(|operation| operation.namespace == namespace) {
            operation(xml, model, called);
        }
        if own {
            container(xml, model);
        }
    });
}

fn own_types(xml: &mut Xml, model: &'static Model) {
    for kind in model.enum_types {
        enum_type(xml, kind);
    }
    for kind in model.complex_types {
        complex_type(xml, model, kind);
    }
    for kind in model.entity_types {
        entity_type(xml, model, kind);
    }
}

fn enum_type(xml: &mut Xml, kind: &EnumType) {
    let mut attributes = vec![("Name", kind.name)];
    if kind.flags {
        attributes.push(("IsFlags", "true"));
    }
    xml.element("EnumType", &attributes, |xml| {
        for member in kind.members {
            xml.empty("Member", &[("Name", member.name), ("Value", &member.value.to_string())]);
        }
    });
}

fn complex_type(xml: &mut Xml, model: &'static Model, kind: &'static ComplexType) {
    let base = kind.base.map(|base| complex_name(model, base));
    let mut attributes = vec![("Name", kind.name)];
    if let Some(base) = &base {
        attributes.push(("BaseType", base));
    }
    if kind.open {
        attributes.push(("OpenType", "true"));
    }
    xml.element("ComplexType", &attributes, |xml| {
        let inherited = |name: &str| kind.base.is_some_and(|base| base.property(name).is_some());
        for declared in kind.properties.iter().filter(|declared| !inherited(declared.name)) {
            property(xml, model, declared);
        }
        for declared in kind.navigations {
            navigation(xml, model, declared);
        }
    });
}

/// A key or a property that a base has is declared there alone.
fn entity_type(xml: &mut Xml, model: &'static Model, kind: &'static EntityType) {
    let base = kind.base.map(|base| qualified(model, base.name));
    let mut attributes = vec![("Name", kind.name)];
    if let Some(base) = &base {
        attributes.push(("BaseType", base));
    }
    let inherited = |name: &str| kind.base.is_some_and(|base| base.property(name).is_some());
    xml.element("EntityType", &attributes, |xml| {
        if !inherited("id") && kind.property("id").is_some() {
            xml.element("Key", &[], |xml| xml.empty("PropertyRef", &[("Name", "id")]));
        }
        for declared in kind.properties.iter().filter(|declared| !inherited(declared.name)) {
            property(xml, model, declared);
        }
        for declared in kind.navigations {
            navigation(xml, model, declared);
        }
        alternate_keys(xml, kind);
    });
}

fn property(xml: &mut Xml, model: &'static Model, property: &Property) {
    let kind = type_name(model, &property.kind);
    let mut attributes = vec![("Name", property.name), ("Type", &kind)];
    if !property.nullable {
        attributes.push(("Nullable", "false"));
    }
    if property.set_by == SetBy::Client {
        return xml.empty("Property", &attributes);
    }
    xml.element("Property", &attributes, |xml| {
        xml.empty("Annotation", &[("Term", "Org.OData.Core.V1.Computed"), ("Bool", "true")]);
    });
}

fn navigation(xml: &mut Xml, model: &'static Model, navigation: &Navigation) {
    let target = qualified(model, navigation.target.name);
    let kind = match navigation.multiplicity {
        Multiplicity::One => target,
        Multiplicity::Many => format!("Collection({target})"),
    };
    let mut attributes = vec![("Name", navigation.name), ("Type", &kind)];
    if navigation.contained {
        attributes.push(("ContainsTarget", "true"));
    }
    xml.empty("NavigationProperty", &attributes);
}

fn alternate_keys(xml: &mut Xml, kind: &EntityType) {
    if kind.alternate_keys.is_empty() {
        return;
    }
    xml.element("Annotation", &[("Term", "Org.OData.Core.V1.AlternateKeys")], |xml| {
        xml.element("Collection", &[], |xml| {
            for name in kind.alternate_keys {
                alternate_key(xml, name);
            }
        });
    });
}

fn alternate_key(xml: &mut Xml, name: &str) {
    xml.element("Record", &[("Type", "Org.OData.Core.V1.AlternateKey")], |xml| {
        xml.element("PropertyValue", &[("Property", "Key")], |xml| {
            xml.element("Collection", &[], |xml| {
                xml.element("Record", &[("Type", "Org.OData.Core.V1.PropertyRef")], |xml| {
                    xml.empty("PropertyValue", &[("Property", "Name"), ("PropertyPath", name)]);
                    xml.empty("PropertyValue", &[("Property", "Alias"), ("String", name)]);
                });
            });
        });
    });
}

fn operation(xml: &mut Xml, model: &'static Model, operation: &Operation) {
    let element = match operation.kind {
        OperationKind::Action => "Action",
        OperationKind::Function => "Function",
    };
    let bound_to = match operation.bound_to {
        BoundTo::Entity(kind) => qualified(model, kind.name),
        BoundTo::Collection(kind) => format!("Collection({})", qualified(model, kind.name)),
    };
    xml.element(element, &[("Name", operation.name), ("IsBound", "true")], |xml| {
        xml.empty("Parameter", &[("Name", "bindingParameter"), ("Type", &bound_to), ("Nullable", "false")]);
        for parameter in operation.parameters {
            let kind = type_name(model, &parameter.kind);
            let nullable = if parameter.nullable { "true" } else { "false" };
            xml.empty("Parameter", &[("Name", parameter.name), ("Type", &kind), ("Nullable", nullable)]);
        }
        if let Some(kind) = return_type(model, operation.returns) {
            xml.empty("ReturnType", &[("Type", &kind), ("Nullable", "false")]);
        }
    });
}

fn return_type(model: &'static Model, returns: Returns) -> Option<String> {
    match returns {
        Returns::Nothing => None,
        Returns::Value(kind) => Some(type_name(model, &kind)),
        Returns::Entity(kind) => Some(qualified(model, kind.name)),
        Returns::Entities(kind) => Some(format!("Collection({})", qualified(model, kind.name))),
    }
}

fn container(xml: &mut Xml, model: &'static Model) {
    xml.element("EntityContainer", &[("Name", CONTAINER)], |xml| {
        for set in model.entity_sets {
            let kind = qualified(model, set.entity_type.name);
            xml.element("EntitySet", &[("Name", set.name), ("EntityType", &kind)], |xml| {
                bindings(xml, model, set.entity_type);
            });
        }
        for singleton in model.singletons {
            let kind = qualified(model, singleton.entity_type.name);
            xml.element("Singleton", &[("Name", singleton.name), ("Type", &kind)], |xml| {
                bindings(xml, model, singleton.entity_type);
            });
        }
    });
}

fn bindings(xml: &mut Xml, model: &'static Model, kind: &'static EntityType) {
    for binding in binding::of(model, kind) {
        xml.empty("NavigationPropertyBinding", &[("Path", &binding.path), ("Target", &binding.target)]);
    }
}
