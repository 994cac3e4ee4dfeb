//! What a program asks for, in words that its user reads before agreeing: what each permission means, and its name.
//!
//! It may name more than is granted in the end, which depends on the user, and never less.

use adit_core::AppId;
use adit_core::api_permission::API_PERMISSIONS;

use crate::audience::Audience;
use crate::error::Refusal;
use crate::page::escaped;
use crate::provider::Provider;
use crate::relying_party::is_well_known;
use crate::user_scope::{AS_USER, OFFLINE, UserScope, is_covered};

/// A permission as its user reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The scope.
    name: String,
    /// What it allows.
    meaning: String,
}

impl Asked {
    fn new(name: &str, meaning: &str) -> Self {
        Self { name: name.to_owned(), meaning: meaning.to_owned() }
    }
}

/// What `client` asks for by `scope`.
pub(crate) async fn asked(provider: &Provider, scope: &UserScope, client: AppId) -> Result<Vec<Asked>, Refusal> {
    let mut asked = of_openid(scope);
    match &scope.audience {
        None => {}
        Some(Audience::Api) => asked.extend(of_api(provider, scope, client).await?),
        Some(Audience::Application(resource)) => {
            let meaning = format!("Act for you at {}", resource.display_name.as_str());
            asked.push(Asked::new("user_impersonation", &meaning));
        }
    }
    Ok(asked)
}

fn of_openid(scope: &UserScope) -> Vec<Asked> {
    let words: Vec<&str> = scope.openid_words().iter().map(String::as_str).filter(|word| *word != OFFLINE).collect();
    let mut asked = Vec::new();
    if !words.is_empty() {
        asked.push(Asked::new(&words.join(" "), "Know who you are, and which groups you are in"));
    }
    if scope.is_offline() {
        asked.push(Asked::new(OFFLINE, "Go on when you are away, for up to 30 days"));
    }
    asked
}

/// What it asks for at the API. The well-known programs may do there what their user may; others, what they were assigned.
async fn of_api(provider: &Provider, scope: &UserScope, client: AppId) -> Result<Vec<Asked>, Refusal> {
    if is_well_known(client) {
        let everything = Asked::new(".default", "Everything in this directory that you may do yourself");
        return Ok(if scope.wants_everything() { vec![everything] } else { named(|name| scope.wants(name)) });
    }
    let held = provider.0.control.api_permissions_of_app(client).await?;
    if scope.wants_everything() {
        return Ok(named(|name| held.contains(&name)));
    }
    Ok(named(|name| scope.wants(name) && is_covered(&held, name)))
}

fn named(is_asked: impl Fn(&str) -> bool) -> Vec<Asked> {
    let known = API_PERMISSIONS.iter().map(|permission| (permission.value, permission.meaning));
    let known = known.chain([(AS_USER, "Everything in this directory that your administrator roles allow")]);
    known.filter(|(name, _)| is_asked(name)).map(|(name, meaning)| Asked::new(name, meaning)).collect()
}

/// The list as it stands on a page, of the program of that name; nothing where nothing is asked for.
pub(crate) fn shown(program: &str, asked: &[Asked]) -> String {
    if asked.is_empty() {
        return String::new();
    }
    // On narrow screens a name breaks behind a dot and not anywhere.
    let name = |asked: &Asked| escaped(&asked.name).replace('.', ".<wbr>");
    let line = |asked: &Asked| format!("<li>{}<br><code>{}</code></li>\n", escaped(&asked.meaning), name(asked));
    let lines: String = asked.iter().map(line).collect();
    format!(
        "<p id=\"asks\">If you sign in, <strong>{}</strong> may do this, as far as you may do it yourself:</p>\n\
         <ul aria-labelledby=\"asks\">\n{lines}</ul>\n",
        escaped(program)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_shown_by_meaning_and_name_and_is_no_markup() {
        assert_eq!(shown("Wiki", &[]), "");
        let page = shown("Wiki", &named(|name| name == "User.Read.All"));
        assert!(page.contains("<li>Read all users<br><code>User.<wbr>Read.<wbr>All</code></li>"), "{page}");
        let hostile = shown("<i>", &[Asked::new("user_impersonation", "Act for you at <b>")]);
        assert!(hostile.contains("&lt;b&gt;") && !hostile.contains("<b>") && !hostile.contains("<i>"), "{hostile}");
    }
}
