//! Who may open a data folder, and what is in it afterwards.

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn made() -> Result<KeyPair, DataFolderError> {
    Ok(KeyPair { certificate: "certificate".to_owned(), key: "key".to_owned() })
}

fn not_again<T>() -> Result<T, DataFolderError> {
    panic!("a secret is made once");
}

fn some_addresses() -> Addresses {
    Addresses {
        control: "127.0.0.1:8080".parse().unwrap(),
        control_tls: "[::]:8444".parse().unwrap(),
        gateway: "[::]:8443".parse().unwrap(),
        metrics: "127.0.0.1:9090".parse().unwrap(),
        http: None,
    }
}

#[test]
fn a_new_folder_and_its_files_are_private() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("deep/data");
    let mut folder = DataFolder::lock(&path).unwrap();
    folder.ca(made).unwrap();
    folder.signing_key(|| Ok::<_, DataFolderError>("signing".to_owned())).unwrap();
    folder.keep_sealing_key("sealing").unwrap();
    folder.announce(&some_addresses()).unwrap();
    assert_eq!(mode(&path), 0o700);
    let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    for file in names {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_second_server_on_one_folder_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let first = DataFolder::lock(parent.path()).unwrap();
    assert!(matches!(DataFolder::lock(parent.path()), Err(DataFolderError::InUse { .. })));
    drop(first);
    DataFolder::lock(parent.path()).unwrap();
}

#[test]
fn a_refused_second_server_leaves_the_firsts_addresses_alone() {
    let parent = tempfile::tempdir().unwrap();
    let mut first = DataFolder::lock(parent.path()).unwrap();
    first.announce(&some_addresses()).unwrap();
    DataFolder::lock(parent.path()).unwrap_err();
    assert_eq!(ServedFolder::at(parent.path()).addresses().unwrap(), some_addresses());
}

#[test]
fn secrets_are_made_once_and_read_afterwards() {
    let parent = tempfile::tempdir().unwrap();
    DataFolder::lock(parent.path()).unwrap().ca(made).unwrap();
    let folder = DataFolder::lock(parent.path()).unwrap();
    let read = folder.ca(not_again::<KeyPair>).unwrap();
    assert_eq!((read.certificate.as_str(), read.key.as_str()), ("certificate", "key"));
}

#[test]
fn a_sealing_key_is_there_once_it_was_kept_even_where_a_directory_was_before() {
    let parent = tempfile::tempdir().unwrap();
    let folder = DataFolder::lock(parent.path()).unwrap();
    fs::write(folder.directory(), "").unwrap();
    assert_eq!(folder.sealing_key().unwrap(), None);
    folder.keep_sealing_key("sealing").unwrap();
    drop(folder);
    let folder = DataFolder::lock(parent.path()).unwrap();
    assert_eq!(folder.sealing_key().unwrap().as_deref().map(String::as_str), Some("sealing"));
}

#[test]
fn a_lost_secret_is_an_error_and_not_a_reason_for_a_new_one() {
    let parent = tempfile::tempdir().unwrap();
    let folder = DataFolder::lock(parent.path()).unwrap();
    fs::write(folder.directory(), "").unwrap();
    assert!(matches!(folder.ca(not_again::<KeyPair>), Err(DataFolderError::SecretLost { .. })));
    assert!(matches!(folder.signing_key(not_again::<String>), Err(DataFolderError::SecretLost { .. })));
}

#[test]
fn a_ca_whose_certificate_was_not_written_in_time_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = DataFolder::lock(parent.path()).unwrap();
    fs::write(parent.path().join(CA_KEY), "half").unwrap();
    folder.ca(made).unwrap();
    assert_eq!(fs::read_to_string(parent.path().join(CA_KEY)).unwrap(), "key");
}

#[test]
fn addresses_are_there_while_it_is_served_and_gone_afterwards() {
    let parent = tempfile::tempdir().unwrap();
    let served = ServedFolder::at(parent.path());
    let mut folder = DataFolder::lock(parent.path()).unwrap();
    assert!(matches!(served.addresses(), Err(DataFolderError::NotServed { .. })));
    folder.announce(&some_addresses()).unwrap();
    assert_eq!(served.addresses().unwrap(), some_addresses());
    drop(folder);
    assert!(matches!(served.addresses(), Err(DataFolderError::NotServed { .. })));
}

#[test]
fn addresses_of_a_killed_server_are_withdrawn_by_the_next() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join(ADDRESSES), some_addresses().to_json()).unwrap();
    let _folder = DataFolder::lock(parent.path()).unwrap();
    assert!(matches!(ServedFolder::at(parent.path()).addresses(), Err(DataFolderError::NotServed { .. })));
}

#[test]
fn the_address_file_has_the_four_documented_keys() {
    let json: serde_json::Value = serde_json::from_str(&some_addresses().to_json()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "control": "127.0.0.1:8080", "control_tls": "[::]:8444", "gateway": "[::]:8443", "metrics": "127.0.0.1:9090"
        })
    );
    assert_eq!(some_addresses().local_https().to_string(), "[::1]:8444");
}

#[test]
fn a_damaged_address_file_is_named() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join(ADDRESSES), "{}").unwrap();
    let error = ServedFolder::at(parent.path()).addresses().unwrap_err();
    assert!(error.to_string().contains("addresses.json is damaged"), "{error}");
}

#[test]
fn a_file_in_the_folders_place_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("file");
    fs::write(&path, "").unwrap();
    assert!(matches!(DataFolder::lock(&path), Err(DataFolderError::NotAFolder { .. })));
}

#[test]
fn a_folder_no_server_used_has_no_key() {
    let parent = tempfile::tempdir().unwrap();
    assert!(matches!(ServedFolder::at(parent.path()).signing_key(), Err(DataFolderError::NeverServed { .. })));
}
