//! Who somebody would be to the access decision: found by name or id, with groups and the way into each.

use adit_core::application::Attributes;
use adit_core::operation::Actor;
use adit_core::{DisplayName, OperationContext, UserPrincipalName};

use super::*;
use crate::{CertificateAuthority, NewPassword, NewUser, NewUserGroup, SealingKey, Settings, Zeroizing};

struct Directory {
    control: ControlPlane,
    context: OperationContext,
    _folder: tempfile::TempDir,
}

impl Directory {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            database: adit_store::Database::File(folder.path().join("directory.db")),
            authority: CertificateAuthority::generate().unwrap().0,
            sealing_key: SealingKey::generate().unwrap().0,
            gateway_address: "localhost:8443".to_owned(),
        };
        let control = ControlPlane::open(settings).await.unwrap();
        let actor = Actor::User { subject: "administrator".to_owned(), name: None };
        Self { control, context: OperationContext { actor, request_id: Uuid::nil() }, _folder: folder }
    }
}

async fn ada(directory: &Directory) -> User {
    let new = NewUser {
        principal_name: UserPrincipalName::parse("ada@corp.example").unwrap(),
        display_name: DisplayName::parse("Ada").unwrap(),
        is_enabled: true,
        password: NewPassword { password: Zeroizing::new("correct horse battery".to_owned()), must_change: false },
        attributes: Attributes::new(),
    };
    directory.control.create_user(&directory.context, new).await.unwrap()
}

async fn group(directory: &Directory, name: &str, members: &[Uuid]) -> UserGroup {
    let new = NewUserGroup { display_name: DisplayName::parse(name).unwrap(), attributes: Attributes::new() };
    let group = directory.control.create_user_group(&directory.context, new).await.unwrap();
    for member in members {
        directory.control.add_group_member(&directory.context, group.id, *member).await.unwrap();
    }
    group
}

fn principal(group: &UserGroup) -> PrincipalId {
    PrincipalId::new(group.id.uuid())
}

#[tokio::test]
async fn a_user_has_the_groups_of_the_directory_each_with_the_shortest_way_into_it() {
    let directory = Directory::new().await;
    directory.control.set_principals(Principals::OwnOnly);
    let ada = ada(&directory).await;
    let team = group(&directory, "Team", &[ada.id.uuid()]).await;
    let staff = group(&directory, "Staff", &[team.id.uuid()]).await;
    let all = group(&directory, "All", &[staff.id.uuid(), team.id.uuid()]).await;
    let other = group(&directory, "Other", &[]).await;
    for asked in ["ADA@corp.example", &ada.id.to_string(), " ada@corp.example "] {
        let found = directory.control.find_visitor(asked, None).await.unwrap();
        assert_eq!(found.user.as_ref().map(|user| user.id), Some(ada.id), "{asked}");
        assert_eq!(found.groups_from, GroupsFrom::Directory);
        let visitor = found.visitor.as_ref().unwrap();
        let mut expected = vec![principal(&team), principal(&staff), principal(&all)];
        expected.sort_unstable();
        assert_eq!((&visitor.groups, visitor.groups_left_out), (&expected, 0));
        let way =
            |group| found.way_to(principal(group)).iter().map(|own| own.display_name.as_str()).collect::<Vec<_>>();
        assert_eq!(way(&team), ["Team"]);
        assert_eq!(way(&staff), ["Team", "Staff"]);
        assert_eq!(way(&all), ["Team", "All"], "not by way of Staff");
        assert_eq!(way(&other), [] as [&str; 0]);
    }
}

#[tokio::test]
async fn groups_that_are_given_take_the_place_of_those_that_the_directory_knows() {
    let directory = Directory::new().await;
    let ada = ada(&directory).await;
    let team = group(&directory, "Team", &[ada.id.uuid()]).await;
    let given = PrincipalId::new(Uuid::from_u128(7));
    let found = directory.control.find_visitor("ada@corp.example", Some(vec![given])).await.unwrap();
    assert_eq!(
        (found.groups_from, found.visitor.as_ref().unwrap().groups.as_slice()),
        (GroupsFrom::Given, &[given][..])
    );
    assert!(found.way_to(principal(&team)).is_empty());
    let own = directory.control.find_visitor("ada@corp.example", None).await.unwrap();
    assert_eq!(own.groups_from, GroupsFrom::DirectoryInsteadOfIssuer, "users sign in elsewhere until it is said");
}

#[tokio::test]
async fn an_id_that_the_directory_does_not_know_is_one_of_another_issuer_and_where_there_is_none_nobodys() {
    let directory = Directory::new().await;
    let _ = ada(&directory).await;
    let foreign = Uuid::from_u128(9);
    let control = &directory.control;
    let found = control.find_visitor(&foreign.to_string(), None).await.unwrap();
    assert!(found.user.is_none());
    assert_eq!(found.visitor.unwrap().id, PrincipalId::new(foreign));
    assert!(control.find_visitor("eve@corp.example", None).await.unwrap().visitor.is_none(), "a name is no id");
    control.set_principals(Principals::OwnOnly);
    let found = control.find_visitor(&foreign.to_string(), None).await.unwrap();
    assert!(found.user.is_none() && found.visitor.is_none());
}

#[tokio::test]
async fn a_sign_in_names_so_many_groups_and_says_that_there_are_more() {
    let directory = Directory::new().await;
    let ada = ada(&directory).await;
    let mut ids = Vec::new();
    for number in 0..=MOST_NAMED_GROUPS {
        ids.push(principal(&group(&directory, &format!("group {number}"), &[ada.id.uuid()]).await));
    }
    ids.sort_unstable();
    let visitor = directory.control.find_visitor("ada@corp.example", None).await.unwrap().visitor.unwrap();
    assert_eq!((visitor.groups.as_slice(), visitor.groups_left_out), (&ids[..MOST_NAMED_GROUPS], 1));
}
