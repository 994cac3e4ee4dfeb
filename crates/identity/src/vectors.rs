//! The signatures and keys of the Wycheproof project, of its module for Go, against what verifies tokens here. Part of
//! `cargo xtask test --long` alone, which fetches them: `ADIT_TEST_WYCHEPROOF` is the folder of the module.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::issuer::Issuer;
use crate::jwt;
use crate::key_set::KeySet;
use crate::token::TokenRefused;

/// Judged otherwise on purpose: primes of the shape that one maker's cards chose (ROCA) are not looked for in the keys of an
/// issuer, which its administrator chose and answers for.
const ROCA: &str = "jws_rsa_roca_key rejectsKeyWithRocaVulnerability";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    comment: String,
    public: Option<Value>,
    private: Option<Value>,
    tests: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    comment: String,
    jws: Value,
    result: String,
}

impl Group {
    /// The keys as an issuer would publish them.
    fn keys(&self) -> Value {
        let key = self.public.as_ref().or(self.private.as_ref()).expect("a key");
        if key.get("keys").is_some() { key.clone() } else { json!({"keys": [key]}) }
    }
}

fn groups(name: &str) -> Vec<Group> {
    let folder = std::env::var_os("ADIT_TEST_WYCHEPROOF").expect("`cargo xtask test --long` says where they are");
    let path = PathBuf::from(folder).join("testvectors_v1").join(name);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice::<File>(&text).expect("vectors").test_groups
}

/// Whether the signature counts. What is signed is no set of claims, so every token is refused in the end, a good one for
/// its claims and no sooner.
async fn is_signed(vector: &Vector, keys: &Value) -> bool {
    let keys = KeySet::parse(keys.to_string().as_bytes()).expect("a key set");
    let issuer = Issuer::local("https://issuer.example", "api", keys);
    // Some vectors are signatures in JSON, which no token is.
    let Some(token) = vector.jws.as_str() else { return false };
    let unverified = serde_json::from_value(json!({})).expect("no claims");
    let refused = jwt::verify::<Value>(token, &unverified, &issuer, &["api"]).await.expect_err("no claims");
    refused == TokenRefused::Malformed("its claims cannot be read")
}

/// Whether its algorithm is one of those that count here: no shared secrets, and one length of hash.
fn is_accepted(vector: &Vector) -> bool {
    let alg = vector.jws.as_str().and_then(|token| jsonwebtoken::decode_header(token).ok()).map(|header| header.alg);
    alg.is_some_and(|alg| jwt::ACCEPTED.contains(&alg))
}

/// Those that are judged otherwise than the project says, and how many were right: accepted and refused.
async fn judged(name: &str) -> (BTreeSet<String>, [u32; 2]) {
    let (mut wrong, mut right) = (BTreeSet::new(), [0; 2]);
    for group in groups(name) {
        let keys = group.keys();
        for vector in &group.tests {
            let wanted = vector.result == "valid" && is_accepted(vector);
            if is_signed(vector, &keys).await == wanted {
                right[usize::from(!wanted)] += 1;
            } else {
                wrong.insert(format!("{} {}", group.comment, vector.comment));
            }
        }
    }
    (wrong, right)
}

#[tokio::test]
async fn signatures_count_or_do_not_as_wycheproof_says() {
    let (wrong, [accepted, refused]) = judged("json_web_signature_test.json").await;
    assert_eq!(wrong, BTreeSet::new());
    assert!(accepted >= 16 && refused >= 300, "{accepted} accepted, {refused} refused");
}

#[tokio::test]
async fn keys_are_taken_or_left_out_as_wycheproof_says() {
    let (wrong, [accepted, refused]) = judged("json_web_key_test.json").await;
    assert_eq!(wrong, BTreeSet::from([ROCA.to_owned()]));
    assert!(accepted >= 1 && refused >= 20, "{accepted} accepted, {refused} refused");
}
