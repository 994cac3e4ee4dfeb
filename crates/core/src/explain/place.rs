//! The place that a URL names, read as a gateway reads a request's host and path: nothing is resolved or repaired.

/// Host and path of a request, in the form that routing uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In lower case, without port.
    pub host: String,
    /// As host and port would stand in the request.
    pub authority: String,
    /// As it would stand in the request, without the query.
    pub path: String,
}

/// A text that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not the URL of a request to a gateway: {problem}")]
pub struct NotAPlace {
    text: String,
    problem: &'static str,
}

impl Place {
    /// Reads `text`: `https://host[:port][/path][?query][#fragment]`; the scheme may be left out. Query and fragment decide
    /// nothing and are left out.
    ///
    /// # Errors
    /// [`NotAPlace`], which says what is wrong.
    pub fn parse(text: &str) -> Result<Self, NotAPlace> {
        let refused = |problem| NotAPlace { text: text.chars().take(200).collect(), problem };
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => return Err(refused("gateways speak https only")),
            _ => text,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, port) = host_and_port(authority).ok_or_else(|| refused("it has no host, or user information"))?;
        let authority = format!("{host}{port}");
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { host, authority, path: encoded(path) })
    }
}

/// The host of `host:port` as routing knows it, and the port with its colon if there is one.
fn host_and_port(authority: &str) -> Option<(String, &str)> {
    let bracketed = authority.starts_with('[');
    let split = if bracketed { authority.find(']').map(|at| at + 1) } else { authority.find(':') };
    let (host, port) = authority.split_at_checked(split.unwrap_or(authority.len()))?;
    let is_number = |digits: &str| digits.parse::<u16>().is_ok() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port_is_valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_number);
    let host = url::Host::parse(host.strip_suffix('.').unwrap_or(host)).ok()?;
    port_is_valid.then(|| (host.to_string(), port))
}

/// Characters that every client encodes, encoded. All else stays as it is, also what a gateway refuses.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for character in path.chars() {
        if character.is_ascii() && character != ' ' {
            encoded.push(character);
        } else {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).bytes();
            encoded.extend(bytes.map(|byte| format!("%{byte:02X}")));
        }
    }
    encoded
}
