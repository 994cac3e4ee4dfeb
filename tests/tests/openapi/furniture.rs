//! A directory with objects of each kind: some to read, some to change, some to delete.

use std::collections::BTreeMap;

use adit_tests::graph::{Graph, PROFILE, id_of, reference};
use serde_json::{Value, json};

const TEMPLATE: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";

/// Where the segments of an application are.
const SEGMENTS: &str =
    "onPremisesPublishing/segmentsConfiguration/microsoft.graph.webSegmentConfiguration/applicationSegments";

/// What an object is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// To be read, and to stand on the way to others.
    Read,
    /// To be changed.
    Change,
    /// To be deleted.
    Delete,
    /// To be deleted or brought back on another path to the same.
    Other,
}

use Purpose::{Change, Delete, Other, Read};

/// Ids by what they are for and by the names that keys have in the paths of the document.
pub(crate) struct Furniture<'g> {
    graph: &'g Graph,
    ids: BTreeMap<(Purpose, &'static str), String>,
    /// An application that has no service principal.
    pub(crate) without_principal: String,
    /// A service principal that no assignment is about.
    pub(crate) unassigned: String,
    /// A service principal that is assigned to another.
    pub(crate) caller: String,
}

impl<'g> Furniture<'g> {
    /// Furnishes a directory that has one connector.
    pub(crate) fn put_into(graph: &'g Graph, connector: &str) -> Self {
        let nothing = String::new();
        let [without_principal, unassigned, caller] = [nothing.clone(), nothing.clone(), nothing];
        let mut furniture = Self { graph, ids: BTreeMap::new(), without_principal, unassigned, caller };
        furniture.people();
        furniture.groups_and_connectors(connector);
        furniture.applications();
        furniture.principals();
        furniture.assignments();
        furniture.segments();
        furniture.history();
        furniture.put(Read, "template", TEMPLATE);
        furniture
    }

    /// The object of a kind for a purpose; one to read where there is none.
    pub(crate) fn id(&self, purpose: Purpose, key: &str) -> Option<&str> {
        let find = |purpose: Purpose| self.ids.iter().find(|((own, name), _)| (*own, *name) == (purpose, key));
        find(purpose).or_else(|| find(Read)).map(|(_, id)| id.as_str())
    }

    /// The object of a kind that is there to be read.
    pub(crate) fn kept(&self, key: &str) -> &str {
        self.id(Read, key).unwrap_or_else(|| panic!("no {key} in the furniture"))
    }

    /// A new connector in the group that is there to be read. It is only announced: taking it away stops nobody.
    pub(crate) fn new_connector(&self, name: &str) -> String {
        let members = format!("/applications/{}/connectorGroup/members/$ref", self.kept("application"));
        let announced = json!({"@odata.type": "#microsoft.graph.connector", "machineName": name});
        self.send("POST", &members, &announced, 204);
        let found = self.graph.ids(&format!("{PROFILE}/connectors?$filter=machineName eq '{name}'"));
        assert_eq!(found.len(), 1, "{name}");
        found[0].clone()
    }

    /// A new application that the group which is there to be read serves.
    pub(crate) fn new_application(&self, word: &str) -> String {
        let application = self.publish(word);
        self.graph.assign_group(&application, self.kept("group"));
        application
    }

    /// A new user, who owns the application that is there to be read.
    pub(crate) fn new_owner(&self, name: &str) -> String {
        self.new_user_in(&format!("/applications/{}/owners/$ref", self.kept("application")), name)
    }

    /// A new user.
    pub(crate) fn new_user(&self, name: &str) -> String {
        id_of(&self.send("POST", "/users", &user(name), 201))
    }

    /// A new user, who is in the group of users that is there to be read.
    pub(crate) fn new_member(&self, name: &str) -> String {
        self.new_user_in(&format!("/groups/{}/members/$ref", self.kept("userGroup")), name)
    }

    fn new_user_in(&self, links: &str, name: &str) -> String {
        let user = self.new_user(name);
        self.send("POST", links, &reference(&format!("/directoryObjects/{user}")), 204);
        user
    }

    /// A new registration token for the group that is there to be read.
    pub(crate) fn registration_token(&self) -> String {
        let path = format!("{PROFILE}/connectorGroups/{}/adit.createRegistrationToken", self.kept("group"));
        let answer = self.graph.send("POST", &path, Some(&json!({})));
        answer.json()["id"].as_str().expect("the id of a registration token").to_owned()
    }

    /// The id of a new secret of the application or service principal that `path` leads to.
    pub(crate) fn client_secret(&self, path: &str) -> String {
        let holder = if path.starts_with("/applications/") { "application" } else { "servicePrincipal" };
        let path = format!("/{holder}s/{}/addPassword", self.kept(holder));
        let answer = self.graph.send("POST", &path, Some(&json!({})));
        answer.json()["keyId"].as_str().expect("the id of a client secret").to_owned()
    }

    fn put(&mut self, purpose: Purpose, key: &'static str, id: &str) {
        self.ids.insert((purpose, key), id.to_owned());
    }

    fn people(&mut self) {
        for (purpose, word) in [(Read, "kept"), (Change, "changed"), (Delete, "deleted")] {
            let user = self.new_user(word);
            self.put(purpose, "user", &user);
            let group = id_of(&self.send("POST", "/groups", &user_group(word), 201));
            self.put(purpose, "userGroup", &group);
        }
        let member = self.new_member("member");
        self.put(Read, "member", &member);
    }

    fn groups_and_connectors(&mut self, connector: &str) {
        for (purpose, name) in [(Read, "Furnished"), (Change, "To be renamed"), (Delete, "To be deleted")] {
            let group = self.graph.create_group(name);
            self.put(purpose, "group", &group);
        }
        self.put(Read, "connector", connector);
        self.graph.move_connector(connector, self.kept("group"));
    }

    fn applications(&mut self) {
        for (purpose, word) in [(Read, "kept"), (Change, "changed"), (Delete, "deleted"), (Other, "unpublished")] {
            let application = self.publish(word);
            self.put(purpose, "application", &application);
        }
        let kept = self.kept("application").to_owned();
        self.graph.assign_group(&kept, self.kept("group"));
        let owner = self.new_owner("owner");
        self.put(Read, "owner", &owner);
        let announced = self.new_connector("deleted");
        self.put(Delete, "connector", &announced);
        let bare = self.send("POST", "/applications", &json!({"displayName": "Without a principal"}), 201);
        bare["appId"].as_str().expect("a client id").clone_into(&mut self.without_principal);
    }

    fn principals(&mut self) {
        for (purpose, name) in [(Read, "Resource"), (Change, "To be changed"), (Delete, "To be deleted")] {
            let principal = self.instantiate(name);
            self.put(purpose, "servicePrincipal", &principal);
        }
        self.caller = self.instantiate("Caller");
        self.unassigned = self.instantiate("Unassigned");
    }

    fn instantiate(&self, name: &str) -> String {
        let path = format!("/applicationTemplates/{TEMPLATE}/instantiate");
        id_of(&self.send("POST", &path, &json!({"displayName": name}), 201)["servicePrincipal"])
    }

    fn assignments(&mut self) {
        let resource = self.kept("servicePrincipal").to_owned();
        let deleted = self.id(Delete, "servicePrincipal").expect("a spare one").to_owned();
        let (person, people) = (self.kept("user").to_owned(), self.kept("userGroup").to_owned());
        let path = format!("/servicePrincipals/{resource}/appRoleAssignedTo");
        for (purpose, key, principal) in [
            (Read, "assignment", self.caller.clone()),
            (Delete, "assignment", self.unassigned.clone()),
            (Read, "assignment of a user", person.clone()),
            (Read, "assignment of a group", people.clone()),
        ] {
            let id = id_of(&self.send("POST", &path, &assignment(&principal, &resource), 201));
            self.put(purpose, key, &id);
        }
        // Others, for the same principals: about a resource that nobody reads.
        let changed = self.id(Change, "servicePrincipal").expect("a spare one").to_owned();
        let path = format!("/servicePrincipals/{changed}/appRoleAssignedTo");
        for (purpose, key, principal) in [
            (Other, "assignment", self.caller.clone()),
            (Delete, "assignment of a user", person),
            (Delete, "assignment of a group", people),
        ] {
            let id = id_of(&self.send("POST", &path, &assignment(&principal, &changed), 201));
            self.put(purpose, key, &id);
        }
        assert_ne!(deleted, changed);
    }

    fn segments(&mut self) {
        let segments = format!("/applications/{}/{SEGMENTS}", self.kept("application"));
        for (purpose, word) in [(Read, "part"), (Change, "changed-part"), (Delete, "deleted-part")] {
            let id = id_of(&self.send("POST", &segments, &segment(word), 201));
            self.put(purpose, "segment", &id);
        }
        let rules = format!("{segments}/{}/corsConfigurations", self.kept("segment"));
        for (purpose, resource) in [(Read, "/"), (Change, "/changed"), (Delete, "/deleted")] {
            let id = id_of(&self.send("POST", &rules, &cors(resource), 201));
            self.put(purpose, "cors", &id);
        }
    }

    fn history(&mut self) {
        for (purpose, word) in [(Read, "gone"), (Delete, "gone-for-good"), (Other, "gone-for-good-too")] {
            let id = self.publish(word);
            assert_eq!(self.graph.send("DELETE", &format!("/applications/{id}"), None).status, 204);
            self.put(purpose, "item", &id);
        }
        let restored = self.publish("restored");
        assert_eq!(self.graph.send("DELETE", &format!("/applications/{restored}"), None).status, 204);
        self.put(Change, "item", &restored);
        let audits = self.graph.ids("/auditLogs/directoryAudits?$top=1");
        self.put(Read, "audit", &audits[0]);
    }

    fn publish(&self, word: &str) -> String {
        let publishing = json!({"internalUrl": format!("http://{word}.internal.example/"),
            "externalUrl": format!("https://{word}.apps.example/"), "externalAuthenticationType": "passthru"});
        self.graph.publish(word, &publishing)
    }

    fn send(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.graph.send(method, path, Some(body));
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        answer.json()
    }
}

/// A user of the directory.
pub(crate) fn user(name: &str) -> Value {
    json!({"accountEnabled": true, "displayName": format!("{name} example"), "mailNickname": name,
        "userPrincipalName": format!("{name}@corp.example"), "passwordProfile": {"password": "seven long words are best"}})
}

/// A group of users.
pub(crate) fn user_group(name: &str) -> Value {
    json!({"displayName": name, "mailEnabled": false, "mailNickname": name, "securityEnabled": true})
}

/// A segment at names of its own.
pub(crate) fn segment(word: &str) -> Value {
    json!({"internalUrl": format!("http://{word}.internal.example/"),
        "externalUrl": format!("https://{word}.apps.example/")})
}

/// A rule for other origins.
pub(crate) fn cors(resource: &str) -> Value {
    json!({"resource": resource, "allowedOrigins": ["https://portal.example"], "allowedMethods": ["GET"],
        "allowedHeaders": ["*"], "maxAgeInSeconds": 60})
}

/// Default access of `principal` to `resource`.
pub(crate) fn assignment(principal: &str, resource: &str) -> Value {
    json!({"principalId": principal, "resourceId": resource, "appRoleId": "00000000-0000-0000-0000-000000000000"})
}
