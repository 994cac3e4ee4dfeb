//! What the demo tells its user: what to open, whom to trust, a token, and the five calls to paste.

use super::Demo;

/// The whole text.
pub(crate) fn text(demo: &Demo) -> String {
    [
        introduction(demo),
        team(demo),
        trust(demo),
        token(demo),
        calls(demo),
        "Ctrl-C ends the demo; nothing is left behind.\n".into(),
    ]
    .join("\n")
}

fn introduction(demo: &Demo) -> String {
    format!(
        "\nAdit is running: a control plane, a gateway, and a connector in each of the groups Berlin and Lisbon.\n\
         {} is published, and Berlin serves it. Open\n\n  {}\n",
        demo.internal_url, demo.external_url
    )
}

/// The application for those who sign in, and as whom.
fn team(demo: &Demo) -> String {
    let Some(team) = &demo.team else { return String::new() };
    format!(
        "The same application, for users who sign in, is at\n\n  {}\n\n  user name  {}\n  password   {}\n\n\
         What this user may open is at https://{}/, and so is the way out.\n",
        team.url, team.user, team.password, team.sign_in_host
    )
}

fn trust(demo: &Demo) -> String {
    let ca = demo.ca_path();
    let ca = ca.display();
    format!(
        "The browser warns, for it does not know this demo's CA. To trust it, import this file into the browser\n\n  \
         {ca}\n  SHA-256 {}\n\n  or: curl --cacert '{ca}' {}\n",
        demo.ca_fingerprint(),
        demo.external_url
    )
}

fn token(demo: &Demo) -> String {
    format!("A token for the API at {}, good for eight hours\n\n  {}\n", demo.api_url, demo.token)
}

fn calls(demo: &Demo) -> String {
    let (ca, authorization) = (demo.ca_path().display().to_string(), demo.authorization_path().display().to_string());
    let mut text =
        "The five documented calls, to paste in this order. Keep reloading the page: no request is lost.\n".to_owned();
    for call in demo.scenario.documented_calls() {
        let curl = call.to_curl(&demo.api_url, &ca, &authorization);
        let (page, effect, answer) = (call.page, &call.effect, call.answer.as_u16());
        text.push_str(&format!("\n  # page {page}: {effect} (answers {answer})\n  {curl}\n"));
    }
    text
}
