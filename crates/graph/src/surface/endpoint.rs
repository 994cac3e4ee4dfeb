//! From the rows of the surface to endpoints: a method and a path each, found by the form of a resolved path.

use std::collections::HashMap;
use std::sync::LazyLock;

use adit_odata::{Key, ResourcePath, Segment};
use http::Method;

use super::{Offer, ROWS, Row};
use crate::entities::Entities;
use crate::error::GraphError;
use crate::operation::Operation;
use crate::permission::Permission;
use crate::scope::Scope;

/// What an endpoint does.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    List(&'static dyn Entities),
    Count(&'static dyn Entities),
    Read(&'static dyn Entities),
    Create(&'static dyn Entities),
    Update(&'static dyn Entities),
    Delete(&'static dyn Entities),
    ListReferences(&'static dyn Entities),
    ReadReference(&'static dyn Entities),
    Link(&'static dyn Entities),
    Unlink(&'static dyn Entities),
    /// A property of what is read, or a part of it.
    ReadProperty(&'static dyn Entities),
    Call(Operation),
}

/// A method on a path.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    /// The path with the names of its keys in braces.
    pub(crate) path: String,
    pub(crate) action: Action,
    pub(crate) permission: Permission,
    /// The names of its keys.
    keys: Vec<&'static str>,
}

/// A path that was found.
pub(crate) struct Matched {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) scope: Scope,
}

/// All endpoints.
pub(crate) static SURFACE: LazyLock<Surface> = LazyLock::new(|| Surface::of(ROWS));

/// The endpoints, and where each is found.
pub(crate) struct Surface {
    pub(crate) endpoints: Vec<Endpoint>,
    by_form: HashMap<String, Vec<usize>>,
}

impl Surface {
    fn of(rows: &'static [Row]) -> Self {
        let endpoints: Vec<Endpoint> = rows.iter().flat_map(endpoints_of).collect();
        let mut by_form: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, endpoint) in endpoints.iter().enumerate() {
            by_form.entry(form(&endpoint.path)).or_default().push(at);
        }
        Self { endpoints, by_form }
    }

    /// The methods with which a resolved path is served.
    pub(crate) fn methods(&'static self, path: &ResourcePath) -> Vec<Method> {
        let mut methods: Vec<Method> = self.at(&path.template()).map(|endpoint| endpoint.method.clone()).collect();
        if self.property_of(path).is_some() {
            methods.push(Method::GET);
        }
        methods
    }

    /// Finds the endpoint for a method and a resolved path.
    pub(crate) fn find(&'static self, method: &Method, path: &ResourcePath) -> Result<Matched, GraphError> {
        let keys: Vec<Key> = path.keys().cloned().collect();
        let exact = self.at(&path.template()).find(|endpoint| endpoint.method == *method);
        if let Some(endpoint) = exact {
            return Ok(matched(endpoint, keys));
        }
        if let Some(endpoint) = self.property_of(path).filter(|_| *method == Method::GET) {
            return Ok(matched(endpoint, keys));
        }
        let allowed = self.methods(path);
        if allowed.is_empty() {
            return Err(GraphError::no_such_segment(last_word(path)));
        }
        Err(GraphError::method_not_allowed(allowed))
    }

    fn at(&'static self, template: &str) -> impl Iterator<Item = &'static Endpoint> {
        let found = self.by_form.get(template).map(Vec::as_slice).unwrap_or_default();
        found.iter().filter_map(|at| self.endpoints.get(*at))
    }

    /// The endpoint that reads a property of an entity, if the path leads to one: whoever may read the entity may read
    /// each of its properties.
    fn property_of(&'static self, path: &ResourcePath) -> Option<&'static Endpoint> {
        let start = property_start(path)?;
        let owner = ResourcePath { segments: path.segments.get(..start)?.to_vec(), ..path.clone() };
        let reads = self.at(&owner.template()).find(|endpoint| matches!(endpoint.action, Action::Read(_)))?;
        let wanted = format!("{}/{{property}}", reads.path);
        self.endpoints.iter().find(|endpoint| endpoint.path == wanted)
    }
}

/// Where in a path that ends in a property (or its value, its number, a part of it) that property starts: behind the
/// last segment that is none of these.
pub(crate) fn property_start(path: &ResourcePath) -> Option<usize> {
    let of_property = |segment: &Segment| {
        matches!(segment, Segment::Property(_) | Segment::ComplexCast(_) | Segment::Value | Segment::Count)
    };
    let start = path.segments.iter().rposition(|segment| !of_property(segment))? + 1;
    matches!(path.segments.get(start), Some(Segment::Property(_))).then_some(start)
}

fn matched(endpoint: &'static Endpoint, keys: Vec<Key>) -> Matched {
    Matched { endpoint, scope: Scope::new(endpoint.keys.iter().copied().zip(keys).collect()) }
}

fn endpoints_of(row: &'static Row) -> Vec<Endpoint> {
    match row {
        Row::Operation { method, path, operation, permission } => {
            vec![endpoint(method.clone(), full(path), Action::Call(*operation), *permission)]
        }
        Row::Entities { path, key, entities, offers, read, write } => offers
            .iter()
            .flat_map(|offer| offered(&full(path), key, *entities, *offer))
            .map(|(method, path, action)| {
                let reads = method == Method::GET;
                endpoint(method, path, action, if reads { *read } else { *write })
            })
            .collect(),
    }
}

/// The methods and paths of one offer.
fn offered(
    path: &str,
    key: &'static str,
    entities: &'static dyn Entities,
    offer: Offer,
) -> Vec<(Method, String, Action)> {
    let one = if key.is_empty() { path.to_owned() } else { format!("{path}/{{{key}}}") };
    let references = format!("{path}/$ref");
    match offer {
        Offer::List => vec![
            (Method::GET, path.to_owned(), Action::List(entities)),
            (Method::GET, format!("{path}/$count"), Action::Count(entities)),
        ],
        Offer::Read => vec![
            (Method::GET, one.clone(), Action::Read(entities)),
            (Method::GET, format!("{one}/{{property}}"), Action::ReadProperty(entities)),
        ],
        Offer::Create => vec![(Method::POST, path.to_owned(), Action::Create(entities))],
        Offer::Update => vec![(Method::PATCH, one, Action::Update(entities))],
        Offer::Delete => vec![(Method::DELETE, one, Action::Delete(entities))],
        Offer::References if key.is_empty() => vec![(Method::GET, references, Action::ReadReference(entities))],
        Offer::References => vec![(Method::GET, references, Action::ListReferences(entities))],
        Offer::Link => vec![(Method::POST, references, Action::Link(entities))],
        Offer::LinkByEntity => vec![(Method::POST, path.to_owned(), Action::Link(entities))],
        Offer::Set => vec![(Method::PUT, references, Action::Link(entities))],
        Offer::SetByPatch => vec![(Method::PATCH, references, Action::Link(entities))],
        Offer::Unlink if key.is_empty() => vec![(Method::DELETE, references, Action::Unlink(entities))],
        Offer::Unlink => vec![
            (Method::DELETE, references, Action::Unlink(entities)),
            (Method::DELETE, format!("{one}/$ref"), Action::Unlink(entities)),
        ],
    }
}

fn endpoint(method: Method, path: String, action: Action, permission: Permission) -> Endpoint {
    let keys = KEYS.iter().copied().filter_map(|key| path.find(&format!("{{{key}}}")).map(|at| (at, key)));
    let mut keys: Vec<(usize, &'static str)> = keys.collect();
    keys.sort_unstable();
    Endpoint { method, path, action, permission, keys: keys.into_iter().map(|(_, key)| key).collect() }
}

/// The names that keys have in paths.
const KEYS: [&str; 15] = [
    "profile",
    "connector",
    "group",
    "application",
    "owner",
    "segment",
    "cors",
    "template",
    "servicePrincipal",
    "assignment",
    "audit",
    "item",
    "user",
    "userGroup",
    "member",
];

fn full(path: &str) -> String {
    match path.strip_prefix("P/") {
        Some(rest) => format!("onPremisesPublishingProfiles/{{profile}}/{rest}"),
        None => path.to_owned(),
    }
}

/// The path without the names of its keys and arguments, as a resolved path writes itself.
fn form(path: &str) -> String {
    let word = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { without_arguments(segment) };
    path.split('/').map(word).collect::<Vec<_>>().join("/")
}

/// A call with `{}` for each of its arguments, which stand in quotes.
fn without_arguments(call: &str) -> String {
    let mut parts = call.split("'{");
    let start = parts.next().unwrap_or_default().to_owned();
    parts.fold(start, |form, part| format!("{form}{{}}{}", part.split_once("}'").map_or(part, |(_, rest)| rest)))
}

fn last_word(path: &ResourcePath) -> &str {
    match path.segments.last() {
        None => "",
        Some(Segment::EntitySet(set)) => set.name,
        Some(Segment::Singleton(singleton)) => singleton.name,
        Some(Segment::Navigation(navigation)) => navigation.name,
        Some(Segment::Property(property)) => property.name,
        Some(Segment::Key(Key::Id(id))) => id,
        Some(Segment::Key(Key::Alternate { value, .. })) => value,
        Some(Segment::EntityCast(kind)) => kind.name,
        Some(Segment::ComplexCast(kind)) => kind.name,
        Some(Segment::Operation { operation, .. }) => operation.name,
        Some(Segment::Ref) => "$ref",
        Some(Segment::Count) => "$count",
        Some(Segment::Value) => "$value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_no_names_of_keys_and_arguments() {
        for (path, expected) in [
            ("things/{thing}/$ref", "things/{}/$ref"),
            ("things/f(a='{a}')", "things/f(a={})"),
            ("things/f(a='{a}',b='{b}')/x", "things/f(a={},b={})/x"),
            ("things/f()", "things/f()"),
        ] {
            assert_eq!(form(path), expected);
        }
    }

    #[test]
    fn no_two_endpoints_have_the_same_method_and_form() {
        for endpoint in &SURFACE.endpoints {
            let form = form(&endpoint.path);
            let same = SURFACE.at(&form).filter(|other| other.method == endpoint.method);
            assert_eq!(same.count(), 1, "{} {}", endpoint.method, endpoint.path);
        }
    }
}
