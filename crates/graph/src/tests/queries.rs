//! Queries over what is particular to a collection: kept documents, relations, words that are made, pages of any order.

use serde_json::{Value, json};

use super::harness::{Api, P};

fn names(reply: &Value, property: &str) -> Vec<String> {
    let items = reply["value"].as_array().unwrap();
    items.iter().map(|item| item[property].as_str().unwrap_or("-").to_owned()).collect()
}

async fn found(api: &Api, path: &str, query: &str, property: &str) -> Vec<String> {
    let query = query.replace(' ', "%20").replace('"', "%22");
    names(&api.get(&format!("{path}?{query}")).await.expect(200).json, property)
}

#[tokio::test]
async fn filters_see_kept_documents_defaults_relations_and_tags() {
    let api = Api::start().await;
    let wiki = api.published("wiki").await;
    let body = json!({"displayName": "Plain", "web": {"homePageUrl": "https://Plain.example/"},
        "appRoles": [{"id": "7b9d8a2e-0000-4000-8000-000000000001", "displayName": "Reader", "isEnabled": true,
            "allowedMemberTypes": ["User"], "value": "read"}]});
    api.post("/beta/applications", body).await.expect(201);
    for (filter, expected) in [
        ("web/homePageUrl eq 'https://plain.example/'", vec!["Plain"]),
        ("onPremisesPublishing/isSecureCookieEnabled eq true", vec!["wiki"]),
        ("onPremisesPublishing/externalAuthenticationType eq 'passthru'", vec!["wiki"]),
        ("onPremisesPublishing/isTranslateHostHeaderEnabled", vec!["wiki"]),
        ("onPremisesPublishing/externalUrl eq null", vec!["Plain"]),
        ("connectorGroup/isDefault eq true", vec!["wiki"]),
        ("connectorGroup/name eq null", vec!["Plain"]),
        ("tags/any(t:t eq 'WindowsAzureActiveDirectoryOnPremApp')", vec!["wiki"]),
        ("appRoles/any(r:r/value eq 'read' and r/isEnabled)", vec!["Plain"]),
        ("signInAudience eq 'AzureADMyOrg' and length(displayName) lt 5", vec!["wiki"]),
        ("createdDateTime le now() and createdDateTime gt now() sub duration'P1D'", vec!["Plain", "wiki"]),
    ] {
        let query = format!("$filter={filter}&$orderby=displayName");
        assert_eq!(found(&api, "/beta/applications", &query, "displayName").await, expected, "{filter}");
    }
    api.delete(&format!("/beta/applications/{wiki}/onPremisesPublishing")).await.expect(204);
    let tagged = "$filter=tags/any(t:t eq 'WindowsAzureActiveDirectoryIntegratedApp')";
    assert_eq!(found(&api, "/beta/applications", tagged, "displayName").await, ["wiki"]);
    let tagged = "$filter=tags/any(t:t eq 'WindowsAzureActiveDirectoryOnPremApp')";
    assert!(found(&api, "/beta/applications", tagged, "displayName").await.is_empty());
}

#[tokio::test]
async fn groups_are_found_by_what_is_in_them_and_expanded_with_options() {
    let api = Api::start().await;
    let wiki = api.published("wiki").await;
    api.connector(&wiki, "alpha").await;
    api.connector(&wiki, "beta").await;
    api.group("Berlin").await;
    for (query, expected) in [
        ("$filter=members/any(m:m/machineName eq 'ALPHA')", vec!["Default"]),
        ("$filter=members/$count eq 0", vec!["Berlin"]),
        ("$filter=applications/all(a:a/displayName eq 'wiki')&$orderby=name", vec!["Berlin", "Default"]),
        ("$search=\"name:erl\"", vec!["Berlin"]),
        ("$orderby=isDefault desc,name", vec!["Default", "Berlin"]),
        ("$orderby=name&$skip=1", vec!["Default"]),
    ] {
        assert_eq!(found(&api, &format!("{P}/connectorGroups"), query, "name").await, expected, "{query}");
    }
    let expand = "$filter=isDefault%20eq%20true&$expand=members($orderby=machineName%20desc;$top=1;$select=machineName;$count=true),applications/$count";
    let reply = api.get(&format!("{P}/connectorGroups?{expand}")).await.expect(200);
    let group = &reply.json["value"][0];
    assert_eq!(names(&json!({"value": group["members"]}), "machineName"), ["beta"]);
    assert_eq!((&group["members@odata.count"], &group["applications@odata.count"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn an_expansion_is_cut_off_with_a_link_to_the_rest_or_refused_as_too_much() {
    let api = Api::start().await;
    let wiki = api.published("wiki").await;
    for number in 0..101 {
        api.connector(&wiki, &format!("machine{number}")).await;
    }
    let path = format!("{P}/connectorGroups?$filter=isDefault%20eq%20true&$expand=members($select=machineName)");
    let group = api.get(&path).await.expect(200).json["value"][0].clone();
    assert_eq!(group["members"].as_array().unwrap().len(), 100);
    let rest = group["members@odata.nextLink"].as_str().unwrap().replace("http://adit.test", "");
    assert_eq!(names(&api.get(&rest).await.expect(200).json, "machineName").len(), 1);
    let long = json!({"displayName": "long", "notes": "n".repeat(20_000)});
    api.post("/beta/applications", long.clone()).await.expect(201);
    api.post("/beta/applications", long).await.expect(201);
    api.get("/beta/applications?$orderby=notes%20desc&$top=1").await.expect(400);
}

#[tokio::test]
async fn pages_in_any_order_have_every_item_once() {
    let api = Api::start().await;
    for number in 0..7 {
        let body = json!({"displayName": format!("app{}", number % 3), "notes": (number % 2 == 0).then_some("n")});
        api.post("/beta/applications", body).await.expect(201);
    }
    for order in ["displayName", "displayName desc", "notes,displayName desc", "createdDateTime desc", "length(notes)"]
    {
        let mut link = format!("/beta/applications?$top=2&$select=id&$orderby={}", order.replace(' ', "%20"));
        let mut seen = Vec::new();
        loop {
            let page = api.get(&link).await.expect(200).json;
            seen.extend(names(&page, "id"));
            let Some(next) = page["@odata.nextLink"].as_str() else { break };
            link = next.replace("http://adit.test", "");
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((all, seen.len()), (7, 7), "{order}");
    }
}

#[tokio::test]
async fn audits_are_newest_first_and_found_by_the_words_that_are_shown() {
    let api = Api::start().await;
    api.group("Berlin").await;
    api.published("wiki").await;
    let audits = "/beta/auditLogs/directoryAudits";
    let newest = found(&api, audits, "$top=1", "activityDisplayName").await;
    assert_ne!(newest, ["Add connector Group"]);
    for query in [
        "$filter=activityDisplayName eq 'add connector group' and category eq 'ResourceManagement' and initiatedBy/user/id eq 'local'",
        "$filter=startswith(activityDisplayName,'Add connector') and initiatedBy/user/id eq 'local'",
        "$filter=loggedByService eq 'Application Proxy' and contains(activityDisplayName,'connector Group') and initiatedBy/user/id ne null",
        "$search=\"activityDisplayName:connector Group\"&$filter=initiatedBy/user/displayName eq 'local administrator'",
    ] {
        assert_eq!(found(&api, audits, query, "activityDisplayName").await, ["Add connector Group"], "{query}");
    }
}

#[tokio::test]
async fn a_token_that_was_refused_is_an_audit_that_failed_and_says_why() {
    let api = Api::start().await;
    api.group("Berlin").await;
    let refused = adit_control::RefusedToken {
        client: Some("backup".to_owned()),
        grant: Some("client_credentials".to_owned()),
        reason: "the secret is wrong".to_owned(),
        from: "192.0.2.7".parse().ok(),
        trace: uuid::Uuid::from_u128(7),
    };
    api.control.note_refused_token(refused).await.unwrap();
    let audits = "/beta/auditLogs/directoryAudits";
    assert_eq!(found(&api, audits, "$filter=result eq 'failure'", "activityDisplayName").await, ["Refuse token"]);
    assert!(
        !found(&api, audits, "$filter=result eq 'success'", "activityDisplayName")
            .await
            .contains(&"Refuse token".to_owned())
    );
    let audit = &api.get(&format!("{audits}?$filter=result eq 'failure'").replace(' ', "%20")).await.expect(200).json["value"]
        [0];
    assert_eq!((&audit["result"], &audit["resultReason"]), (&json!("failure"), &json!("the secret is wrong")));
    assert_eq!(
        (&audit["targetResources"][0]["id"], &audit["initiatedBy"]["app"]["displayName"]),
        (&json!("backup"), &json!("Adit"))
    );
    assert!(
        audit["additionalDetails"].as_array().unwrap().contains(&json!({"key": "ipAddress", "value": "192.0.2.7"})),
        "{audit}"
    );
}

#[tokio::test]
async fn deleted_applications_come_back_and_changes_are_told() {
    let api = Api::start().await;
    let wiki = api.published("wiki").await;
    let first = api.get("/beta/applications/delta").await.expect(200).json;
    assert_eq!(names(&first, "displayName"), ["wiki"]);
    let later = first["@odata.deltaLink"].as_str().unwrap().replace("http://adit.test", "");
    assert!(api.get(&later).await.expect(200).json["value"].as_array().unwrap().is_empty());
    api.delete(&format!("/beta/applications/{wiki}")).await.expect(204);
    let gone = api.get(&later).await.expect(200).json;
    assert_eq!((&gone["value"][0]["id"], &gone["value"][0]["@removed"]["reason"]), (&json!(wiki), &json!("changed")));
    let items = "/v1.0/directory/deletedItems";
    assert_eq!(found(&api, &format!("{items}/microsoft.graph.application"), "$top=5", "displayName").await, ["wiki"]);
    api.get(&format!("{items}/microsoft.graph.application?$expand=owners")).await.expect(200);
    api.post(&format!("{items}/{wiki}/restore?$select=nosuch"), Value::Null).await.expect(400);
    let restored = api.post(&format!("{items}/{wiki}/restore"), Value::Null).await.expect(200);
    assert_eq!(restored.json["@odata.type"], "#microsoft.graph.application");
    api.get(&format!("{items}/{wiki}")).await.expect(404);
    let publishing = api.get(&format!("/beta/applications/{wiki}/onPremisesPublishing")).await.expect(200);
    assert_eq!(publishing.json["externalUrl"], "https://wiki.example/");
    api.get("/beta/applications/delta?$deltatoken=AAAA").await.expect(400);
}

#[tokio::test]
async fn a_batch_runs_what_depends_on_nothing_that_failed() {
    let api = Api::start().await;
    let batch = json!({"requests": [
        {"id": "1", "method": "POST", "url": format!("{P}/connectorGroups"), "body": {"name": "Berlin"},
            "headers": {"Content-Type": "application/json"}},
        {"id": "2", "method": "GET", "url": "/connectorGroups?$filter=name eq 'Berlin'", "dependsOn": ["1"]},
        {"id": "3", "method": "GET", "url": "/applications/nosuch"},
        {"id": "4", "method": "POST", "url": "/applications", "dependsOn": ["3"], "body": {"displayName": "never"},
            "headers": {"Content-Type": "application/json"}},
    ]});
    let reply = api.post("/beta/$batch", batch).await.expect(200).json;
    let of = |id: &str| reply["responses"].as_array().unwrap().iter().find(|part| part["id"] == id).unwrap().clone();
    assert_eq!((&of("1")["status"], &of("3")["status"], &of("4")["status"]), (&json!(201), &json!(404), &json!(424)));
    assert_eq!(of("2")["body"]["value"][0]["name"], "Berlin");
    assert!(of("1")["headers"]["Content-Type"].as_str().unwrap().starts_with("application/json"));
    assert!(api.get("/beta/applications").await.expect(200).json["value"].as_array().unwrap().is_empty());
    for url in ["https://elsewhere.example/beta/applications", "//x/applications", "/$batch", "/beta/$batch"] {
        let foreign = json!({"requests": [{"id": "1", "method": "GET", "url": url}]});
        api.post("/beta/$batch", foreign).await.expect(400);
    }
}
