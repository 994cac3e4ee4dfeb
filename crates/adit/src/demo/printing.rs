//! What the demo tells its user: what to open, whom to trust, a token, and the five calls to paste.

use super::Demo;

/// The whole text.
pub(crate) fn text(demo: &Demo) -> String {
    let Demo { external_url, api_url, .. } = demo;
    let ca = demo.ca_path();
    let ca = ca.display();
    let mut text = format!(
        "\nAdit is running: a control plane, a gateway, and a connector in each of the groups Berlin and Lisbon.\n\
         {internal} is published, and Berlin serves it.\n\n\
         Open\n  {external_url}\n\
         \u{20}\u{20}(the browser warns, for it does not know this demo's CA; to trust it, import {ca} into the browser)\n\
         \u{20}\u{20}or: curl --cacert '{ca}' {external_url}\n\n\
         A token for the API at {api_url}\n  {token}\n\n\
         The five documented calls, to paste in this order. Keep reloading the page: no request is lost.\n",
        internal = demo.internal_url,
        token = demo.token,
    );
    let authorization = demo.authorization_path();
    for call in demo.scenario.documented_calls() {
        let curl = call.to_curl(api_url, &ca.to_string(), &authorization.display().to_string());
        text.push_str(&format!(
            "\n  # page {}: {} (answers {})\n  {curl}\n",
            call.page,
            call.effect,
            call.answer.as_u16()
        ));
    }
    text.push_str("\nCtrl-C ends the demo; nothing is left behind.\n");
    text
}
