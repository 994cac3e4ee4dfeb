//! Scripts that people already have: the Python `msgraph-beta-sdk`, unmodified, against a running server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use adit_tests::{Directory, python};

#[test]
fn the_python_sdk_administers_over_http_and_over_tls() {
    let directory = Directory::start();
    let connector = directory.connector("sdk-machine");
    let addresses = directory.addresses();
    let ca = directory.ca().display().to_string();
    let servers =
        [format!("http://{}", addresses.control), format!("https://localhost:{}", addresses.control_tls.port())];
    for (round, server) in servers.iter().enumerate() {
        let name = format!("sdk-{round}");
        let printed = python::run("sdk.py", &[server, directory.token(), &ca, &name]);
        assert!(printed.contains("read back"), "{printed}");

        let graph = directory.graph();
        let group = graph.group_named(&format!("{name} group"));
        assert_eq!(graph.group_of_connector(connector.id()), group, "over {server}");
        let application = graph.application_named(&format!("{name} application"));
        assert_eq!(graph.group_of_application(&application), group, "over {server}");
    }
}
