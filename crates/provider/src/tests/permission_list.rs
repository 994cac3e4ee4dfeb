//! What users read of a program before they sign in to it.

use super::browser::{Browser, NAME, PASSWORD};
use super::harness::World;
use super::wiki::{authorize, wiki};

#[tokio::test]
async fn the_user_reads_who_asks_and_for_what_before_signing_in_and_may_say_no() {
    let world = World::start().await;
    world.user(NAME, PASSWORD, false).await;
    let (program, other) = (wiki(&world).await, wiki(&world).await);
    world.allow_program(&program, "User.Read.All").await;
    world.allow_program(&program, "Group.ReadWrite.All").await;
    let everything = [
        "<li>Read all users<br><code>User.Read.All</code></li>",
        "<li>Read and write all groups<br><code>Group.ReadWrite.All</code></li>",
    ];
    let groups = "<li>Read all groups<br><code>Group.Read.All</code></li>";
    let acts = "<li>Act for you at Backup<br><code>user_impersonation</code></li>";
    let at_other = format!("openid api://{}/.default", other.id());
    for (scope, listed, left_out) in [
        ("openid https://graph.microsoft.com/.default", everything.to_vec(), vec![groups]),
        ("openid Group.Read.All Directory.ReadWrite.All", vec![groups], everything.to_vec()),
        (at_other.as_str(), vec![acts], everything.to_vec()),
    ] {
        let mut browser = Browser::default();
        let page = browser.get(&world, &authorize(&program, &[("scope", scope)])).await;
        let (_, below) = page.text.split_once("<strong>Backup</strong>").unwrap();
        let (above_button, _) = below.split_once("<button>Sign in</button>").unwrap();
        assert!(above_button.contains("<code>openid</code>"), "{above_button}");
        assert!(listed.iter().all(|line| above_button.contains(line)), "{scope}: {above_button}");
        assert!(!left_out.iter().any(|line| page.text.contains(line)), "{scope}: {}", page.text);
        let flow = page.hidden("flow");
        let no = browser.post(&world, "/adit/sign-in", &[("flow", &flow), ("decline", "1")]).await;
        assert_eq!((no.status, no.sent("error").as_deref(), no.sent("code")), (303, Some("access_denied"), None));
        assert_eq!(no.sent("state").as_deref(), Some("the state"));
        assert_eq!(browser.sign_in(&world, &page, NAME, PASSWORD).await.status, 400, "it is over");
    }
}
