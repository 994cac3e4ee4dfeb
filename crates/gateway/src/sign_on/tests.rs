//! How values are written, what is used again and for whom, and that no name of the gateway's own can be listed.

use std::collections::HashMap;
use std::rc::Rc as Shared;

use adit_core::access::{self, AccessRequest};
use adit_core::application::{Application, Attributes, Publishing};
use adit_core::id::ConnectorGroupId;
use adit_core::revision::{Epoch, Revision};
use adit_core::sign_on::{SignOn, SignOnHeaders};
use adit_core::{AppId, DisplayName, ExternalUrl, InternalUrl, Snapshot};
use adit_identity::AssertionKey;
use http::Request;
use uuid::Uuid;

use super::*;
use crate::edge::Client;
use crate::head::{Place, UpstreamHead};
use crate::serving::Serving;

fn published(pre_authentication: PreAuthentication, pairs: &[&str]) -> Arc<PublishedApplication> {
    let external = ExternalUrl::parse("https://wiki.example/").unwrap();
    let internal = InternalUrl::parse("http://wiki/").unwrap();
    let headers = pairs.iter().map(|pair| SignOnHeader::parse(pair).unwrap()).collect();
    let sign_on = SignOn { headers: SignOnHeaders::new(headers).unwrap(), assertion: AssertionState::On };
    let mut attributes = Attributes::new();
    attributes.insert("singleSignOnSettings".to_owned(), json!({"singleSignOnMode": "aadHeaderBased"}));
    let publishing = Publishing { sign_on, pre_authentication, attributes, ..Publishing::new(external, internal) };
    let (id, app) = (ApplicationId::new(Uuid::from_u128(1)), AppId::new(Uuid::from_u128(2)));
    let name = DisplayName::parse("Wiki").unwrap();
    let mut application = Application::new(id, app, name, jiff::Timestamp::UNIX_EPOCH, Attributes::new());
    application.publish(publishing, ConnectorGroupId::new(Uuid::from_u128(1)));
    Arc::new(PublishedApplication::of(&application).unwrap())
}

fn keys() -> Arc<AssertionKeys> {
    Arc::new(AssertionKeys::new(AssertionKey::generate().unwrap().0, []))
}

#[test]
fn a_value_is_printable_ascii_and_can_be_read_back() {
    for (text, shown) in [
        ("Ada Lovelace <ada@corp.example>, PhD", "Ada Lovelace <ada@corp.example>, PhD"),
        ("100 %", "100 %25"),
        (" a ", "%20a%20"),
        (" ", "%20"),
        ("a\r\nb\0\t\u{7f}", "a%0D%0Ab%00%09%7F"),
        ("ä€😀", "%C3%A4%E2%82%AC%F0%9F%98%80"),
        ("", ""),
    ] {
        let written = encoded(text, NAME);
        assert_eq!(written, shown);
        let read =
            url::form_urlencoded::parse(written.replace('+', "%2B").replace('&', "%26").replace('=', "%3D").as_bytes())
                .map(|(name, _)| name.into_owned())
                .collect::<String>();
        assert_eq!(read, text);
        assert!(HeaderValue::try_from(written).is_ok());
    }
    assert_eq!(encoded("a,b", ITEM), "a%2Cb");
}

#[test]
fn a_list_has_whole_items_and_an_end() {
    let item = "x".repeat(36);
    let list = listed(std::iter::repeat_n(item.clone(), 500));
    assert!(list.len() <= MOST_VALUE && list.len() > MOST_VALUE - 40, "{}", list.len());
    assert!(list.split(',').all(|own| own == item));
    assert_eq!(listed(["a,b".to_owned(), "c".to_owned()].into_iter()), "a%2Cb,c");
    assert_eq!(listed(std::iter::empty()), "");
}

#[test]
fn what_was_told_is_used_again_for_the_very_same_and_for_a_short_time() {
    let application = published(PreAuthentication::SignIn, &["X-Name=displayName"]);
    let fields = SignOnFields::of(&application, &Listed::default()).unwrap();
    let (keys, other_keys) = (keys(), keys());
    let roles: Vec<Arc<str>> = vec![Arc::from("Editor")];
    let (ada, namesake) = (Visitor::imagined(1, "Ada"), Visitor::imagined(2, "Ada"));
    let asking = |visitor, roles, keys| Asking {
        application: &application,
        fields: &fields,
        visitor,
        roles,
        keys,
        issuer: "https://login.example",
    };
    let own = asking(&ada, &roles, &keys);
    let key = (ada.session.id, ada.session.person.principal, application.id);
    let mut lately = ToldLately::default();
    let told = Shared::new(Told::of(&own, 100_000).unwrap());
    let shown: Vec<&str> = told.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(shown, ["x-name", "adit-assertion"]);
    lately.keep(key, Rc::clone(&told));
    for now in [100_000, 100_000 + REUSED - 1] {
        assert!(
            lately.find(&key, |told| told.is_for(&own, now)).is_some_and(|found| Rc::ptr_eq(&found, &told)),
            "{now}"
        );
    }
    assert!(lately.find(&key, |told| told.is_for(&own, 100_000 + REUSED)).is_none(), "its time is over");
    assert!(lately.find(&key, |told| told.is_for(&own, 99_999)).is_none(), "the clock was set back");
    // Whatever it is looked up by: another name, another role, another key, another version of the application.
    let mut renamed = Visitor::imagined(1, "Ada");
    Rc::make_mut(&mut renamed.session).person.display_name = Some("Bob".to_owned());
    assert!(lately.find(&key, |told| told.is_for(&asking(&renamed, &roles, &keys), 100_000)).is_none());
    assert!(lately.find(&key, |told| told.is_for(&asking(&namesake, &roles, &keys), 100_000)).is_none());
    assert!(lately.find(&key, |told| told.is_for(&asking(&ada, &[], &keys), 100_000)).is_none());
    assert!(lately.find(&key, |told| told.is_for(&asking(&ada, &roles, &other_keys), 100_000)).is_none());
    let changed = Arc::new(PublishedApplication::clone(&application));
    let changed = Asking { application: &changed, ..asking(&ada, &roles, &keys) };
    assert!(lately.find(&key, |told| told.is_for(&changed, 100_000)).is_none());
    tidy(&mut lately, 100_000 + REUSED);
    assert_eq!(lately.len(), 0);
}

/// Were a header listed that the gateway sets itself, or removes, upstreams would be told two things by one name.
#[test]
fn no_header_that_the_gateway_sets_itself_can_be_listed() {
    let application = published(PreAuthentication::Passthrough, &["X-Name=displayName"]);
    let snapshot = Snapshot::compile(Epoch(1), Revision(1), [PublishedApplication::clone(&application)], []);
    let serving = Serving::compile(Arc::new(snapshot), &[], HashMap::new(), &Serving::default());
    let asked = AccessRequest { host: "wiki.example", path: "/" };
    let grant = access::decide_for(&serving.snapshot, asked, access::Who::Anonymous).unwrap();
    let place = Place { host: Rc::from("wiki.example"), authority: HeaderValue::from_static("wiki.example") };
    let mut request = Request::get("/");
    for name in ["X-Name", "x_name", "x.NAME", "adit-assertion"] {
        request = request.header(name, "forged");
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let rules = serving.rules(application.id).unwrap();
    let mut head = UpstreamHead::new(parts, &grant, &place, rules, &Client::imagined()).unwrap();
    head.identify(HeaderValue::from_static("1"));
    let own: Vec<&str> = head.headers().keys().map(HeaderName::as_str).collect();
    assert!(own.len() >= 5, "{own:?}");
    for name in own.into_iter().chain(["connection", "upgrade", "te", "expect", "sec-websocket-key", "traceparent"]) {
        let header = SignOnHeader { header: name.to_owned(), claim: SignOnClaim::Id };
        assert!(SignOnHeaders::new(vec![header]).is_err(), "{name}");
    }
}
