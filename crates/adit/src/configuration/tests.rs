//! What is accepted and refused before anything is started.

use super::*;

fn resolved(text: &str, flags: Flags) -> Result<Configuration, ConfigurationError> {
    resolve(parse(text).unwrap(), flags)
}

fn in_folder() -> Flags {
    Flags { data: Some("data".into()), ..Flags::default() }
}

#[test]
fn without_a_file_the_documented_defaults_hold() {
    let configuration = resolved("", in_folder()).unwrap();
    assert_eq!(configuration.listen.control.to_string(), "127.0.0.1:8080");
    assert_eq!(configuration.listen.control_tls.to_string(), "127.0.0.1:8444");
    assert_eq!(configuration.listen.gateway.to_string(), "[::]:8443");
    assert_eq!(configuration.listen.metrics.to_string(), "127.0.0.1:9090");
    assert_eq!(configuration.gateway_address, None);
    assert!(configuration.database.is_none(), "the directory is in the data folder");
    assert_eq!(configuration.access_records, AccessRecords::Stdout);
    assert!(!configuration.server_timing);
    assert_eq!(configuration.grace, GRACE);
    assert!(configuration.api.trusted_proxies.is_empty(), "nobody's X-Forwarded-* is believed by default");
}

#[test]
fn the_whole_file_is_read() {
    let text = r#"
        data = "from-file"
        database = "postgres://adit@localhost/adit"
        control_listen = "localhost:0"
        control_tls_listen = "0.0.0.0:9444"
        gateway_listen = "0.0.0.0:9443"
        metrics_listen = "[::1]:0"
        gateway_address = "Adit.example.com:443"
        public_url = "https://adit.example.com/"
        trusted_proxies = ["10.0.0.0/8", "::1"]
        http_listen = "[::]:80"
        access_records = "/var/log/adit/access.jsonl"
        server_timing = true
        grace = "2m"
        [[issuer]]
        url = "https://login.example.com/realm"
        [[issuer]]
        url = "http://127.0.0.1:5556"
        audience = "another"
        [acme]
        directory = "https://acme.example/directory"
        agree_to_terms = true
        domains = ["example.com"]
    "#;
    let configuration = resolved(text, Flags::default()).unwrap();
    assert_eq!(configuration.data, PathBuf::from("from-file"));
    assert!(configuration.database.is_some_and(|url| url.to_string().ends_with("/adit")));
    assert_eq!(configuration.listen.control.to_string(), "127.0.0.1:0");
    let address = configuration.gateway_address.unwrap();
    assert_eq!((address.host.as_str(), address.port), ("adit.example.com", 443));
    assert_eq!(configuration.api.trusted_proxies.len(), 2);
    assert_eq!(configuration.acme.unwrap().challenges.len(), 2, "plain HTTP is listened for");
    assert_eq!(configuration.access_records, AccessRecords::File("/var/log/adit/access.jsonl".into()));
    assert!(configuration.server_timing);
    assert_eq!(configuration.grace, Duration::from_secs(120));
    let audiences: Vec<&str> = configuration.api.issuers.iter().map(|issuer| issuer.audience.as_str()).collect();
    assert_eq!(audiences, ["api://adit", "another"]);
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_build_that_cannot_send_spans_promises_none() {
    let text = "[otlp]\nendpoint = 'http://127.0.0.1:4318/v1/traces'";
    assert!(matches!(resolved(text, in_folder()), Err(ConfigurationError::NoOtlp)));
}

#[test]
fn limits_of_clients_keep_their_defaults_where_nothing_is_said() {
    let text = "[client_limits]\nhead = '3s'\nbody_rate = 1000\nconnections_per_address = 7";
    let limits = resolved(text, in_folder()).unwrap().client_limits;
    let default = ClientLimits::default();
    let said = (limits.head, limits.body_rate, limits.connections_per_address);
    assert_eq!(said, (std::time::Duration::from_secs(3), 1000, 7));
    let ClientLimits { head, body_rate, connections_per_address, .. } = default;
    assert_eq!(ClientLimits { head, body_rate, connections_per_address, ..limits }, default);
    for bad in ["heads = '3s'", "head = '0s'", "head = 3", "head = 'soon'", "body_rate = -1"] {
        assert!(parse(&format!("[client_limits]\n{bad}")).is_err(), "{bad}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let flags = Flags { gateway_listen: Some("127.0.0.1:1".parse().unwrap()), ..in_folder() };
    let configuration = resolved("data = 'other'\ngateway_listen = '127.0.0.1:2'", flags).unwrap();
    assert_eq!(configuration.data, PathBuf::from("data"));
    assert_eq!(configuration.listen.gateway.port(), 1);
}

#[test]
fn a_databases_password_is_in_no_message_about_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adit.toml");
    for line in
        ["database = 'postgres://adit:canary@loc alhost/adit'", "database = 'mysql://adit:canary@localhost/adit'"]
    {
        std::fs::write(&path, line).unwrap();
        let refused = load(Some(&path), in_folder()).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("canary"), "{refused}");
    }
    std::fs::write(folder.path().join("password"), "canary").unwrap();
    let text = "database = 'postgres://adit@localhost/adit'\ndatabase_password_file = 'password'";
    std::fs::write(&path, text).unwrap();
    let configuration = load(Some(&path), in_folder()).unwrap();
    assert!(configuration.database.is_some(), "relative to the file");
    assert!(!format!("{configuration:?}").contains("canary"));
}

#[test]
fn plain_http_beyond_loopback_is_refused() {
    for text in ["control_listen = '0.0.0.0:8080'", "control_listen = '[::]:8080'", "metrics_listen = '192.0.2.1:1'"] {
        let refused = resolved(text, in_folder()).unwrap_err();
        assert!(matches!(refused, ConfigurationError::PlainHttpBeyondLoopback { .. }), "{text}: {refused}");
    }
    assert!(resolved("control_listen = '[::ffff:127.0.0.1]:0'", in_folder()).is_ok());
}

#[test]
fn unknown_settings_are_refused_by_name() {
    for (text, name) in [
        ("controll_listen = '127.0.0.1:1'", "controll_listen"),
        ("[[issuer]]\nurl='https://a/'\naud='x'", "aud"),
        ("[acme]\nemail='a@b'", "email"),
        ("[[certificate]]\ncertificate='a'\nkey='b'\nca='c'", "ca"),
    ] {
        let refused = parse(text).unwrap_err().to_string();
        assert!(refused.contains(name), "{refused}");
    }
}

#[test]
fn wrong_values_are_refused() {
    for text in [
        "control_listen = '8080'",
        "gateway_address = 'adit.example.com'",
        "gateway_address = 'a b:1'",
        "gateway_address = '::1:8443'",
        "trusted_proxies = ['everyone']",
        "public_url = 'adit.example.com'",
        "access_records = ''",
        "data = 5",
        "= 1",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    for text in ["public_url = 'ftp://a/'", "public_url = 'https://u:p@a/'", "public_url = 'https://a/?q'"] {
        assert!(matches!(resolved(text, in_folder()), Err(ConfigurationError::BadPublicUrl { .. })), "{text}");
    }
}

#[test]
fn keys_of_an_issuer_are_fetched_over_tls_or_from_this_machine() {
    for url in ["http://login.example.com/", "ftp://a/", "login.example.com", "https://u@a/"] {
        let text = format!("[[issuer]]\nurl = '{url}'");
        assert!(matches!(resolved(&text, in_folder()), Err(ConfigurationError::BadIssuer { .. })), "{url}");
    }
}

#[test]
fn inactive_connectors_are_kept_for_ten_days_or_as_long_as_it_is_said() {
    let day = Duration::from_secs(24 * 60 * 60);
    for (text, kept) in [
        ("", Kept::For(day * 10)),
        ("inactive_connectors = '30d'", Kept::For(day * 30)),
        ("inactive_connectors = '1h'", Kept::For(day / 24)),
        ("inactive_connectors = 'forever'", Kept::Forever),
    ] {
        assert_eq!(resolved(text, in_folder()).unwrap().inactive_connectors, kept, "{text}");
    }
    let refused = resolved("inactive_connectors = '59m'", in_folder()).unwrap_err().to_string();
    assert!(refused.contains("inactive_connectors"), "{refused}");
    for text in ["inactive_connectors = 'never'", "inactive_connectors = ''", "inactive_connectors = 10"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_data_folder_is_needed() {
    assert!(matches!(resolved("", Flags::default()), Err(ConfigurationError::NoDataFolder)));
}

#[test]
fn a_missing_certificate_is_found_before_anything_starts() {
    let text = "[[certificate]]\ncertificate = '/nonexistent/c.pem'\nkey = '/nonexistent/k.pem'";
    let refused = resolved(text, in_folder()).unwrap_err().to_string();
    assert!(refused.contains("/nonexistent/c.pem"), "{refused}");
}

#[test]
fn a_certificates_key_may_be_in_its_own_file_or_in_one_beside_it() {
    for (text, certificate, key) in [("a.pem,b.key", "a.pem", "b.key"), ("both.pem", "both.pem", "both.pem")] {
        let file = certificate_file(text).unwrap();
        assert_eq!((file.certificate, file.key), (PathBuf::from(certificate), PathBuf::from(key)));
    }
    for text in ["", ",", "a.pem,", ",b.key", "a,b,c"] {
        assert!(certificate_file(text).is_err(), "{text}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let refused = load(Some(Path::new("/nonexistent/adit.toml")), in_folder()).unwrap_err().to_string();
    assert!(refused.contains("/nonexistent/adit.toml"), "{refused}");
}

#[test]
fn an_ipv6_gateway_address_has_brackets() {
    let address: GatewayAddress = "[2001:db8::1]:8443".parse().unwrap();
    assert_eq!((address.host.as_str(), address.port), ("[2001:db8::1]", 8443));
}

#[test]
fn what_cannot_be_read_is_told_by_its_place_and_not_shown() {
    for (text, place) in [
        ("data = \"data\"\ndatabase = \"postgres://adit:secret@db/adit", "line 2, database: "),
        ("database = [\"postgres://adit:secret@db/adit\"]", "line 1, database: "),
        ("nonsense postgres://adit:secret@db/adit", "line 1: "),
    ] {
        let said = without_value(&parse(text).err().unwrap(), text);
        assert!(said.starts_with(place), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
