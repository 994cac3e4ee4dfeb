//! What tools of others do, step by step in their order and spelling: Entra PowerShell, the Terraform provider, the
//! how-to of application proxy in two editions, and Microsoft's sample scripts. Each step has the status that it must
//! have, and what a tool reads from an answer is checked. The requests of the reference pages are in `pages.rs`, the
//! SDKs in `sdk.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::graph::{Graph, PROFILE, id_of};
use adit_tests::{ConnectorProcess, Directory};
use serde_json::{Value, json};

/// The application template that makes an application of one's own.
const CUSTOM_TEMPLATE: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";

/// The app role of every application made from it.
const USER_ROLE: &str = "18d14569-c3bd-439b-9a66-3a2aee01d14f";

/// By which scripts tell applications of the proxy from others.
const PROXY_TAG: &str = "WindowsAzureActiveDirectoryOnPremApp";

/// A tool: how it sends its requests.
struct Tool {
    graph: Graph,
    headers: Vec<(&'static str, &'static str)>,
}

impl Tool {
    fn new(directory: &Directory, headers: &[(&'static str, &'static str)]) -> Self {
        Self { graph: directory.graph(), headers: headers.to_vec() }
    }

    /// Sends one step, demands its status, and gives the body.
    #[track_caller]
    fn step(&self, method: &str, target: &str, kind: &str, body: &str, status: u16) -> Value {
        let mut headers = self.headers.clone();
        if !body.is_empty() {
            headers.push(("content-type", kind));
        }
        let answer = self.graph.send_as_spelled(method, target, &headers, body.as_bytes());
        println!("{method} {target}: {}", answer.status);
        assert_eq!(answer.status, status, "{method} {target} {body}: {}", answer.text());
        assert!(answer.header("request-id").is_some(), "{method} {target}");
        if status == 204 {
            assert_eq!((answer.header("content-type"), answer.text().as_str()), (None, ""), "{method} {target}");
        }
        answer.json()
    }

    #[track_caller]
    fn get(&self, target: &str) -> Value {
        self.step("GET", target, "", "", 200)
    }

    /// All pages of a list, as `Get-Mg...` reads them.
    #[track_caller]
    fn list(&self, target: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut next = Some(target.to_owned());
        while let Some(target) = next {
            let page = self.get(&target);
            found.extend(page["value"].as_array().expect("a collection").clone());
            next = page["@odata.nextLink"].as_str().map(|link| path_of(link).to_owned());
        }
        found
    }

    #[track_caller]
    fn send(&self, method: &str, target: &str, body: &Value, status: u16) -> Value {
        self.step(method, target, "application/json", &body.to_string(), status)
    }

    #[track_caller]
    fn delete(&self, target: &str) {
        let _ = self.step("DELETE", target, "", "", 204);
    }
}

/// The target of an absolute URL.
fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").expect("an absolute URL").1;
    &after_scheme[after_scheme.find('/').expect("a path")..]
}

/// The names of what a list gave; in an order of its own, for no tool asks for one.
fn names(entities: &[Value]) -> Vec<&str> {
    let named = entities.iter().filter_map(|entity| entity["displayName"].as_str().or(entity["name"].as_str()));
    let mut names: Vec<&str> = named.collect();
    names.sort_unstable();
    names
}

/// A directory with one connector, which the tools find.
fn scene() -> (Directory, ConnectorProcess) {
    let directory = Directory::start();
    let connector = directory.connector("connectorA.redmond.example");
    (directory, connector)
}

#[test]
fn entra_powershell_publishes_an_application() {
    let (directory, connector) = scene();
    let tool = Tool::new(&directory, &[("user-agent", "PowerShell EntraBetaPowershell/1.0"), ("accept", "*/*")]);
    let group = directory.graph().create_group("Entra PowerShell");
    let root = format!("http://{}", directory.addresses().control);

    // New-EntraBetaApplicationProxyApplication
    let made = tool.send("POST", "/beta/applications", &json!({"displayName": "Finance"}), 201);
    let one = format!("/beta/applications/{}", id_of(&made));
    let addresses = json!({"identifierUris": ["https://finance.apps.example"],
        "web": {"redirectUris": ["https://finance.apps.example/"], "homePageUrl": "http://finance.internal.example/"}});
    let _ = tool.send("PATCH", &one, &addresses, 204);
    let principal = tool.send("POST", "/beta/servicePrincipals", &json!({"appId": made["appId"]}), 201);
    assert_eq!(principal["appId"], made["appId"]);
    assert_eq!(principal["displayName"], "Finance");
    let publishing = json!({"onPremisesPublishing": {"externalUrl": "https://finance.apps.example/",
        "internalUrl": "http://finance.internal.example/", "externalAuthenticationType": "aadPreAuthentication",
        "isTranslateHostHeaderEnabled": false, "isHttpOnlyCookieEnabled": true, "applicationServerTimeout": "Long"}});
    let _ = tool.send("PATCH", &one, &publishing, 204);
    let reference = json!({"@odata.id":
        format!("{root}/beta/onPremisesPublishingProfiles/applicationproxy/connectorGroups/{group}")});
    let _ = tool.send("PUT", &format!("{one}/connectorGroup/$ref"), &reference, 204);
    let read = tool.get(&format!("{one}/onPremisesPublishing"));
    let context = format!("{root}/beta/$metadata#applications('{}')/onPremisesPublishing", id_of(&made));
    assert_eq!(read["@odata.context"], context);
    for (property, wanted) in [
        ("externalUrl", json!("https://finance.apps.example/")),
        ("internalUrl", json!("http://finance.internal.example/")),
        ("externalAuthenticationType", json!("aadPreAuthentication")),
        ("isTranslateHostHeaderEnabled", json!(false)),
        ("isHttpOnlyCookieEnabled", json!(true)),
        ("isOnPremPublishingEnabled", json!(true)),
        ("applicationServerTimeout", json!("long")),
        ("verifiedCustomDomainCertificatesMetadata", Value::Null),
    ] {
        assert_eq!(read[property], wanted, "{property} of {read}");
    }

    // Set-EntraBetaApplicationProxyApplicationSingleSignOn, with the slash at the end
    let sign_on = json!({"onPremisesPublishing": {"singleSignOnSettings": {"singleSignOnMode": "onPremisesKerberos",
        "kerberosSignOnSettings": {"kerberosServicePrincipalName": "HTTP/finance.internal.example",
            "kerberosSignOnMappingAttributeType": "userPrincipalName"}}}});
    let _ = tool.send("PATCH", &format!("{one}/"), &sign_on, 204);
    let read = tool.get(&format!("{one}/onPremisesPublishing"));
    assert_eq!(read["singleSignOnSettings"]["singleSignOnMode"], "onPremisesKerberos", "{read}");
    assert_eq!(read["externalUrl"], "https://finance.apps.example/", "what was not named stays");

    // Get- and Set-EntraBetaApplicationProxyConnector
    let filter = "$filter=machineName%20eq%20'connectorA.redmond.example'%20OR%20startswith(machineName,'connectorA')";
    let connectors = tool.get(&format!("/beta{PROFILE}/connectors?{filter}"));
    assert_eq!(connectors["value"][0]["id"], connector.id());
    let target = json!({"@odata.id": format!("{root}/beta{PROFILE}/connectorGroups/{group}")});
    let _ = tool.send("POST", &format!("/beta{PROFILE}/connectors/{}/memberOf/$ref", connector.id()), &target, 204);
    let member_of = tool.get(&format!("/beta{PROFILE}/connectors/{}/memberOf", connector.id()));
    assert_eq!(member_of["value"][0]["id"], group.as_str());

    // Get-EntraBetaApplicationProxyApplicationConnectorGroup, Remove-..., and Get- once more
    assert_eq!(id_of(&tool.get(&format!("{one}/connectorGroup"))), group);
    tool.delete(&format!("{one}/connectorGroup/$ref"));
    assert_eq!(tool.get(&format!("{one}/connectorGroup"))["isDefault"], true);

    // Remove-EntraBetaApplicationProxyApplication -RemoveADApplication $true
    let sentinel = "PowerShellDeleteApplication";
    let unpublish = json!({"onPremisesPublishing": {"internalUrl": sentinel, "externalUrl": sentinel}});
    let _ = tool.send("PATCH", &one, &unpublish, 204);
    assert_eq!(tool.get(&format!("{one}?$select=id,onPremisesPublishing"))["onPremisesPublishing"], Value::Null);
    tool.delete(&one);
    let gone = tool.step("GET", &one, "", "", 404);
    assert_eq!(gone["error"]["code"], "Request_ResourceNotFound");
}

#[test]
fn terraform_manages_a_connector_group_and_its_assignment() {
    let (directory, _connector) = scene();
    let tool = Tool::new(&directory, &[("accept", "application/json"), ("accept-encoding", "identity")]);
    let groups = format!("/beta{PROFILE}/connectorGroups");

    // microsoft365_graph_beta_applications_on_premises_connector_group
    let made = tool.send("POST", &groups, &json!({"name": "Terraform", "region": "japan"}), 201);
    let group = format!("{groups}/{}", id_of(&made));
    assert_eq!(made["connectorGroupType"], "applicationProxy");
    assert_eq!((&made["isDefault"], &made["region"]), (&json!(false), &json!("japan")));
    let read = tool.get(&group);
    assert_eq!((&read["name"], &read["region"]), (&json!("Terraform"), &json!("japan")));
    let _ = tool.send("PATCH", &group, &json!({"name": "Terraform renamed"}), 204);
    assert_eq!(tool.get(&group)["name"], "Terraform renamed");

    // ..._application: an assignment before it is published is refused as the provider expects
    let body = json!({"@odata.type": "#microsoft.graph.application", "displayName": "Managed",
        "signInAudience": "AzureADMyOrg", "tags": [], "web": {"redirectUris": []}});
    let id = id_of(&tool.send("POST", "/beta/applications", &body, 201));
    let one = format!("/beta/applications/{id}");
    let target = format!("https://graph.microsoft.com{groups}/{}", id_of(&made));
    let assignment = format!("{one}/connectorGroup/$ref");
    let early = tool.send("PUT", &assignment, &json!({"@odata.id": target}), 404);
    assert_eq!(early["error"]["code"], "Application_NotFound");
    let message = format!("Application '{id}' not found or OnPremisesPublishing is not enabled for your tenant.");
    assert_eq!(early["error"]["message"], message);

    // ..._application_on_premises_publishing, with properties that only the system sets
    let publishing = json!({"onPremisesPublishing": {"applicationServerTimeout": "default",
        "applicationType": "enterpriseapp", "internalUrl": "http://managed.internal.example/",
        "externalUrl": "https://managed.apps.example/", "externalAuthenticationType": "aadPreAuthentication",
        "trafficRoutingMethod": "none", "isOnPremPublishingEnabled": true, "isStateSessionEnabled": true}});
    let _ = tool.send("PATCH", &one, &publishing, 204);
    let read = tool.get(&format!("{one}?$select=id,onPremisesPublishing"));
    assert_eq!(read["id"], id.as_str());
    assert_eq!(read["onPremisesPublishing"]["applicationType"], "enterpriseapp", "{read}");
    assert_eq!(read["onPremisesPublishing"]["trafficRoutingMethod"], "none", "{read}");

    // ..._on_premises_connector_group_assignment
    let _ = tool.send("PUT", &assignment, &json!({"@odata.id": target}), 204);
    assert_eq!(tool.get(&format!("{one}/connectorGroup"))["id"], made["id"]);
    tool.delete(&assignment);
    assert_eq!(tool.get(&format!("{one}/connectorGroup"))["isDefault"], true, "never 404 while it is published");

    // destroy
    let _ = tool.send("PATCH", &one, &json!({"onPremisesPublishing": null}), 204);
    tool.delete(&one);
    tool.delete(&group);
    assert_eq!(tool.step("GET", &group, "", "", 404)["error"]["code"], "ConnectorGroup_NotFound");
}

#[test]
fn the_how_to_of_2022_works_from_the_template_to_the_clean_up() {
    let (directory, connector) = scene();
    let tool = Tool::new(&directory, &[("accept", "application/json")]);

    let templates = tool.get("/v1.0/applicationTemplates?$filter=displayName%20eq%20'Custom'");
    assert_eq!(templates["value"][0]["id"], CUSTOM_TEMPLATE);
    let instantiate = format!("/v1.0/applicationTemplates/{CUSTOM_TEMPLATE}/instantiate");
    let made = tool.send("POST", &instantiate, &json!({"displayName": "Contoso IWA App"}), 201);
    let (id, principal) = (id_of(&made["application"]), id_of(&made["servicePrincipal"]));
    assert_eq!(made["application"]["displayName"], "Contoso IWA App");
    assert_eq!(made["application"]["appId"], made["servicePrincipal"]["appId"]);

    // Publishing and other properties in one body; the published example lacks a comma.
    let one = format!("/beta/applications/{id}");
    let external = "https://contosoiwaapp-contoso.apps.example";
    let body = json!({"onPremisesPublishing": {"externalAuthenticationType": "aadPreAuthentication",
            "internalUrl": "https://contosoiwaapp.example", "externalUrl": external},
        "identifierUris": [external], "web": {"redirectUris": [external], "homePageUrl": external,
            "implicitGrantSettings": {"enableIdTokenIssuance": true, "enableAccessTokenIssuance": false}}});
    let _ = tool.send("PATCH", &one, &body, 204);
    let read = tool.get(&format!("{one}?$select=identifierUris,web,onPremisesPublishing"));
    assert_eq!(read["identifierUris"], json!([external]));
    assert_eq!(read["web"]["implicitGrantSettings"]["enableIdTokenIssuance"], true);
    assert_eq!(read["onPremisesPublishing"]["isOnPremPublishingEnabled"], true);

    let group = connectors_and_group(&tool, &connector, &id);
    single_sign_on(&tool, &one);

    let roles = tool.get(&format!("/beta/servicePrincipals/{principal}/appRoles"));
    let context = roles["@odata.context"].as_str().unwrap();
    assert!(context.ends_with(&format!("/beta/$metadata#servicePrincipals('{principal}')/appRoles")), "{context}");
    let listed = roles["value"].as_array().unwrap();
    let user = listed.iter().find(|role| role["displayName"] == "User").expect("the role User");
    assert_eq!((&user["id"], &user["isEnabled"]), (&json!(USER_ROLE), &json!(true)));

    // Users come from elsewhere: only the id is known. The how-to names a content type that does not exist.
    let person = "4628e7df-dff3-407c-a08f-75f08c0806dc";
    let assignment = json!({"principalId": person, "principalType": "User", "appRoleId": USER_ROLE,
        "resourceId": principal});
    let target = format!("/beta/servicePrincipals/{principal}/appRoleAssignments");
    let assigned = tool.step("POST", &target, "appRoleAssignments/json", &assignment.to_string(), 201);
    assert_eq!(assigned["principalId"], person);
    assert_eq!(assigned["resourceDisplayName"], "Contoso IWA App");
    assert!(assigned["creationTimestamp"].is_string(), "{assigned}");
    let all = tool.get(&format!("/beta/servicePrincipals/{principal}/appRoleAssignedTo"));
    assert_eq!(all["value"][0]["id"], assigned["id"]);

    tool.delete(&format!("/v1.0/applications/{id}"));
    // The how-to forgets that its connector is still in the group.
    let refused = tool.step("DELETE", &group, "", "", 400);
    assert!(refused["error"]["message"].as_str().unwrap().contains(connector.name()), "{refused}");
    directory.graph().move_connector(connector.id(), &directory.graph().group_named("Default"));
    tool.delete(&group);
}

#[test]
fn the_how_to_of_2020_works_with_its_lower_case_paths_and_misspelt_content_types() {
    let (directory, connector) = scene();
    let tool = Tool::new(&directory, &[("accept", "application/json")]);
    let kind = "appplication/json";

    let body = json!({"displayName": "Contoso IWA App", "signInAudience": "AzureADMyOrg"});
    let made = tool.send("POST", "/beta/applications", &body, 201);
    assert_eq!((&made["identifierUris"], &made["tags"]), (&json!([]), &json!([])));
    assert_eq!((&made["notes"], &made["signInAudience"]), (&Value::Null, &json!("AzureADMyOrg")));
    let (id, tags) = (id_of(&made), json!(["WindowsAzureActiveDirectoryIntegratedApp", PROXY_TAG]));
    let body = json!({"appId": made["appId"], "tags": tags}).to_string();
    let principal = tool.step("POST", "/beta/serviceprincipals", kind, &body, 201);
    assert_eq!((&principal["tags"], &principal["servicePrincipalType"]), (&tags, &json!("Application")));

    let one = format!("/beta/applications/{id}");
    let external = "https://contosoiwaapp-contoso.apps.example";
    let body = json!({"onPremisesPublishing": {"externalAuthenticationType": "aadPreAuthentication",
        "internalUrl": "https://contosoiwaapp.example", "externalUrl": external}});
    let _ = tool.step("PATCH", &one, kind, &body.to_string(), 204);
    let body = json!({"identifierUris": [external], "web": {"redirectUris": [external], "homePageUrl": external,
        "implicitGrantSettings": {"enableIdTokenIssuance": true, "enableAccessTokenIssuance": false}}});
    let _ = tool.step("PATCH", &one, kind, &body.to_string(), 204);
    let _group = connectors_and_group(&tool, &connector, &id);
    single_sign_on(&tool, &one);
    let roles = tool.get(&format!("/beta/servicePrincipals/{}/appRoles", id_of(&principal)));
    assert!(roles["value"].is_array(), "{roles}");
}

/// Step 3 of both editions: the target of the connector group.
fn connectors_and_group(tool: &Tool, connector: &ConnectorProcess, application: &str) -> String {
    let connectors = tool.get(&format!("/beta{PROFILE}/connectors"));
    assert_eq!(connectors["value"][0]["machineName"], "connectorA.redmond.example");
    assert_eq!(connectors["value"][0]["status"], "active");
    let groups = format!("/beta{PROFILE}/connectorGroups");
    let made = tool.send("POST", &groups, &json!({"name": "IWA Demo Connector Group"}), 201);
    let group = id_of(&made);
    let target = json!({"@odata.id": format!("https://graph.microsoft.com{groups}/{group}")});
    let _ = tool.send("POST", &format!("/beta{PROFILE}/connectors/{}/memberOf/$ref", connector.id()), &target, 204);
    // Without a version, and in lower case, as both editions spell it.
    let unversioned = "https://graph.microsoft.com/onPremisesPublishingProfiles/applicationproxy/connectorGroups";
    let target = json!({"@odata.id": format!("{unversioned}/{group}")});
    let assignment = format!("/beta/applications/{application}/connectorGroup/$ref");
    let _ = tool.send("PUT", &assignment, &target, 204);
    assert_eq!(tool.graph.group_of_connector(connector.id()), group);
    assert_eq!(tool.graph.group_of_application(application), group);
    format!("{groups}/{group}")
}

/// Step 4 of both editions.
fn single_sign_on(tool: &Tool, application: &str) {
    let body = json!({"onPremisesPublishing": {"singleSignOnSettings": {
        "kerberosSignOnSettings": {"kerberosServicePrincipalName": "HTTP/iwademo.contoso.example",
            "kerberosSignOnMappingAttributeType": "userPrincipalName"},
        "singleSignOnMode": "onPremisesKerberos"}}});
    let _ = tool.step("PATCH", application, "appplication/json", &body.to_string(), 204);
    let read = tool.get(&format!("{application}/onPremisesPublishing/singleSignOnSettings"));
    assert_eq!(read["singleSignOnMode"], "onPremisesKerberos", "{read}");
    let kerberos = &read["kerberosSignOnSettings"];
    assert_eq!(kerberos["kerberosSignOnMappingAttributeType"], "userPrincipalName", "{read}");
}

#[test]
fn the_sample_scripts_list_groups_and_applications_and_move_them_all() {
    let (directory, _connector) = scene();
    let setup = directory.graph();
    let (old, new) = (setup.create_group("Old site"), setup.create_group("New site"));
    for (name, host) in [("Payroll", "payroll"), ("Wiki", "wiki")] {
        let publishing = json!({"internalUrl": format!("http://{host}.internal.example/"),
            "externalUrl": format!("https://{host}.apps.example/"), "externalAuthenticationType": "passthru"});
        let id = setup.publish(name, &publishing);
        setup.assign_group(&id, &old);
    }
    let other = setup.send("POST", "/applications", Some(&json!({"displayName": "Not published"})));
    let body = json!({"appId": other.json()["appId"]});
    assert_eq!(setup.send("POST", "/servicePrincipals", Some(&body)).status, 201);
    let tool =
        Tool::new(&directory, &[("user-agent", "Mozilla/5.0 (Linux) PowerShell/7.4 Get-MgBetaServicePrincipal")]);
    let groups = format!("/beta{PROFILE}/connectorGroups");

    // get-all-connectors: -Top 100000 is what a page may be at most
    let listed = tool.list(&format!("{groups}?$top=999"));
    assert_eq!(tool.list(&format!("{groups}?$top=100000")), listed, "a page that is too large is made smaller");
    assert_eq!(names(&listed), ["Default", "New site", "Old site"]);
    assert!(listed.iter().all(|group| group["connectorGroupType"] == "applicationProxy"), "{listed:?}");
    let members: Vec<Value> =
        listed.iter().flat_map(|group| tool.list(&format!("{groups}/{}/members", id_of(group)))).collect();
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(members[0]["machineName"], "connectorA.redmond.example");

    // get-all-appproxy-apps-by-connectorgroup: found by the tag of their service principals
    let principals = tool.list("/beta/servicePrincipals?$top=999");
    let has_tag = |one: &&Value| one["tags"].as_array().is_some_and(|tags| tags.contains(&json!(PROXY_TAG)));
    let proxied: Vec<&Value> = principals.iter().filter(has_tag).collect();
    // Those of the three applications, and the one that stands for the API.
    assert_eq!((principals.len(), proxied.len()), (4, 2), "{principals:?}");
    let applications = tool.list("/beta/applications?$top=999");
    let found: Vec<Value> = applications
        .into_iter()
        .filter(|one| proxied.iter().any(|principal| principal["appId"] == one["appId"]))
        .collect();
    assert_eq!(names(&found), ["Payroll", "Wiki"]);

    // get-all-appproxy-apps-extended: one by one, with the property's name in capitals
    for application in &found {
        let read = tool.get(&format!("/beta/applications/{}?$select=OnPremisesPublishing", id_of(application)));
        assert_eq!(read["onPremisesPublishing"]["externalAuthenticationType"], "passthru", "{read}");
    }

    // move-all-apps-to-connector-group
    let (of_old, of_new) = (format!("{groups}/{old}"), format!("{groups}/{new}"));
    let _ = (tool.get(&of_old), tool.get(&of_new));
    let target = json!({"@odata.id": format!("https://graph.microsoft.com{of_new}")});
    let assigned = tool.list(&format!("{of_old}/applications"));
    assert_eq!(names(&assigned), ["Payroll", "Wiki"]);
    for application in &assigned {
        let assignment = format!("/beta/applications/{}/connectorGroup/$ref", id_of(application));
        let _ = tool.send("PUT", &assignment, &target, 204);
    }
    assert_eq!(tool.list(&format!("{of_old}/applications")), Vec::<Value>::new());
    assert_eq!(names(&tool.list(&format!("{of_new}/applications"))), ["Payroll", "Wiki"]);
    tool.delete(&of_old);
}
