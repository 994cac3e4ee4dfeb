//! Several writers at once, and writers that demand that nobody was there before them.

use http::Method;
use serde_json::{Value, json};

use super::harness::{Api, P};

/// The status of a write that demands the ETag `etag`.
async fn conditional(api: &Api, method: Method, path: &str, body: Value, etag: &str) -> u16 {
    api.send(method, path, body, &[("if-match", etag)]).await.status
}

/// The ETag of what is at `path`.
async fn etag(api: &Api, path: &str) -> String {
    api.get(path).await.expect(200).header("etag").unwrap().to_owned()
}

#[tokio::test]
async fn writes_can_be_made_conditional_on_the_etag() {
    let api = Api::start().await;
    let group = api.group("Berlin").await;
    let path = format!("{P}/connectorGroups/{group}");
    let read = api.get(&path).await.expect(200);
    let etag = read.header("etag").unwrap().to_owned();
    assert_eq!(read.json["@odata.etag"], Value::String(etag.clone()));
    api.send(Method::PATCH, &path, json!({"name": "Paris"}), &[("if-match", &etag)]).await.expect(204);
    let reply = api.send(Method::PATCH, &path, json!({"name": "Rome"}), &[("if-match", &etag)]).await.expect(412);
    assert_eq!(reply.code(), "Request_PreconditionFailed");
    assert_eq!(api.get(&path).await.json["name"], "Paris");
    api.send(Method::DELETE, &path, Value::Null, &[("if-match", &etag)]).await.expect(412);
    let application = api.published("wiki").await;
    let app = format!("/beta/applications/{application}");
    api.send(Method::PATCH, &app, json!({"displayName": "x"}), &[("if-match", "W/\"0\"")]).await.expect(412);
    api.send(Method::DELETE, &app, Value::Null, &[("if-match", "W/\"0\"")]).await.expect(412);
    api.send(Method::PUT, &format!("{app}/connectorGroup/$ref"), json!({"id": group}), &[("if-match", "W/\"0\"")])
        .await
        .expect(412);
    api.send(Method::DELETE, &path, Value::Null, &[("if-match", "*")]).await.expect(204);
}

#[tokio::test]
async fn of_many_writers_who_read_the_same_etag_exactly_one_writes() {
    let api = Api::start().await;
    let group = format!("{P}/connectorGroups/{}", api.group("Berlin").await);
    let application = format!("/beta/applications/{}", api.published("wiki").await);
    for (path, property) in [(&group, "name"), (&application, "displayName")] {
        let read = etag(&api, path).await;
        let writes = (0..20).map(|number| {
            let body = json!({property: format!("writer {number}")});
            let (api, read) = (&api, read.as_str());
            async move { conditional(api, Method::PATCH, path, body, read).await }
        });
        let mut statuses = together(writes).await;
        statuses.sort_unstable();
        assert_eq!(statuses.remove(0), 204, "{path}");
        assert_eq!(statuses, [412; 19], "{path}");
    }
}

#[tokio::test]
async fn writers_of_different_parts_of_one_structure_do_not_undo_each_other() {
    let api = Api::start().await;
    let application = format!("/beta/applications/{}", api.published("wiki").await);
    let parts = [
        json!({"web": {"homePageUrl": "https://a.test/"}}),
        json!({"web": {"logoutUrl": "https://b.test/"}}),
        json!({"web": {"redirectUris": ["https://c.test/"]}}),
        json!({"web": {"implicitGrantSettings": {"enableIdTokenIssuance": true}}}),
        json!({"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": true}}}),
    ];
    let writes = parts.map(|body| {
        let (api, path) = (&api, &application);
        async move { api.patch(path, body).await.status }
    });
    assert_eq!(together(writes).await, [204; 5]);
    let web = &api.get(&application).await.json["web"];
    assert_eq!(web["homePageUrl"], "https://a.test/");
    assert_eq!(web["logoutUrl"], "https://b.test/");
    assert_eq!(web["redirectUris"], json!(["https://c.test/"]));
    let grant = json!({"enableIdTokenIssuance": true, "enableAccessTokenIssuance": true});
    assert_eq!(web["implicitGrantSettings"], grant);
}

#[tokio::test]
async fn a_link_is_written_only_if_what_holds_it_has_the_demanded_etag() {
    let api = Api::start().await;
    let application = api.published("wiki").await;
    let connector = api.connector(&application, "alpha").await;
    let paris = api.group("Paris").await;
    let home = api.group_of_application(&application).await;
    let app = format!("/beta/applications/{application}");
    let group = format!("{P}/connectorGroups/{paris}");
    let member = format!("{app}/connectorGroup/members/{connector}");
    let one = format!("{P}/connectors/{connector}");
    for (method, path, body, holder) in [
        // Page 003: the application's group gains a member.
        (
            Method::POST,
            format!("{app}/connectorGroup/members/$ref"),
            json!({"machineName": "beta"}),
            format!("{app}/connectorGroup"),
        ),
        // Page 002: the connector is placed.
        (Method::POST, format!("{member}/memberOf/$ref"), json!({"name": "Paris"}), member),
        // Back again, from the group's side and from the connector's.
        (Method::DELETE, format!("{group}/members/{connector}/$ref"), Value::Null, group.clone()),
        (Method::POST, format!("{group}/members/$ref"), json!({"id": connector}), group.clone()),
        (Method::DELETE, format!("{one}/memberOf/$ref"), Value::Null, one.clone()),
        (Method::POST, format!("{one}/memberOf/$ref"), json!({"id": paris}), one.clone()),
        // Page 004, and the same from the group's side.
        (Method::PUT, format!("{app}/connectorGroup/$ref"), json!({"id": paris}), app.clone()),
        (Method::DELETE, format!("{app}/connectorGroup/$ref"), Value::Null, app.clone()),
        (Method::POST, format!("{group}/applications/$ref"), json!({"id": application}), group),
    ] {
        let before = (api.group_of_connector(&connector).await, api.group_of_application(&application).await);
        assert_eq!(conditional(&api, method.clone(), &path, body.clone(), "W/\"0\"").await, 412, "{method} {path}");
        let after = (api.group_of_connector(&connector).await, api.group_of_application(&application).await);
        assert_eq!(before, after, "{method} {path}");
        let read = etag(&api, &holder).await;
        assert_eq!(conditional(&api, method.clone(), &path, body, &read).await, 204, "{method} {path}");
    }
    assert_eq!(api.group_of_connector(&connector).await, paris);
    assert_eq!(api.group_of_application(&application).await, paris);
    assert_ne!(home, paris);
    let named = api.get(&format!("{P}/connectors?$filter=machineName%20eq%20'beta'")).await;
    assert_eq!(named.json["value"].as_array().unwrap().len(), 1, "the refused write made no entry");
}

/// Runs all at once on this thread, so that reads of one stand between reads and writes of others.
async fn together<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = all.into_iter().map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in waiting.iter_mut().filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *output = Some(value);
            }
        }
        if waiting.iter().all(|(_, output)| output.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}
