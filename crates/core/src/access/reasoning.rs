//! Puts an access decision into sentences, for `adit explain` and for whoever was refused.
//!
//! It asks the very function that decides, so it cannot say anything but what happens.

use std::sync::Arc;

use crate::access::{AccessRequest, Principal, Who, decide_for};
use crate::admission::{Admission, Match};
use crate::application::PreAuthentication;
use crate::snapshot::{PublishedApplication, Snapshot};

/// Says step by step why a request by `who` is granted or not. The last sentence is the outcome.
#[must_use]
pub fn reasoning(snapshot: &Snapshot, request: AccessRequest<'_>, who: Who<'_>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(route) = snapshot.route(request.host, request.path) {
        said.push(format!("The place belongs to application {} ({}).", route.application.name, route.application.id));
        said.extend(of_application(route.application, who));
    }
    said.push(match decide_for(snapshot, request, who) {
        Ok(_) => "Access is granted.".to_owned(),
        Err(refused) => format!("Access is refused: {refused}."),
    });
    said
}

fn of_application(application: &PublishedApplication, who: Who<'_>) -> Vec<String> {
    if application.pre_authentication == PreAuthentication::Passthrough {
        return vec!["It is open to everybody without sign-in.".to_owned()];
    }
    let mut said = vec!["It requires sign-in.".to_owned()];
    let Some(admission) = application.admission.as_deref() else { return said };
    said.push(match admission.is_assignment_required() {
        true => "Only those who are assigned may use it.".to_owned(),
        false => "Everybody who has signed in may use it.".to_owned(),
    });
    if let Who::Principal(principal) = who {
        said.extend(of_principal(admission, principal));
    }
    said
}

fn of_principal(admission: &Admission, principal: Principal<'_>) -> Vec<String> {
    let matches = admission.matches(principal.kind, principal.id, principal.groups);
    let mut said: Vec<String> = matches.map(|found| assigned(&found)).collect();
    if said.is_empty() {
        let groups = principal.groups.len();
        said.push(format!("Neither {} {} nor any of {groups} groups is assigned.", principal.kind, principal.id));
    }
    if principal.groups_left_out > 0 {
        let left_out = principal.groups_left_out;
        said.push(format!("{left_out} groups had no room in the session and do not count."));
    }
    said
}

fn assigned(found: &Match<'_>) -> String {
    let roles: Vec<&str> = found.roles().map(Arc::as_ref).collect();
    let roles = if roles.is_empty() { "default access".to_owned() } else { roles.join(", ") };
    format!("The {} {} is assigned, as {roles}.", found.kind, found.principal)
}
