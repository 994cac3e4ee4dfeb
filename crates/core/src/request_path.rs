//! Paths: which of them the gateway accepts, and whether one lies below a published prefix.
//!
//! Rule (threat model, section 3.2): what is authorised and what is forwarded are the same bytes. So a path is never
//! rewritten; paths on which two servers may disagree (dot segments, encoded or not, backslashes, NUL, broken escapes)
//! are refused, `%2f`, `//` and `;` pass unchanged and are never decoded for matching. Other escapes are decoded for
//! matching alone: `/%61pp/` belongs to what is published at `/app/`. What is below the prefix reaches the upstream as it
//! came; the prefix itself, however it was spelt, becomes that of the internal URL. So that this has one answer, a path is
//! published in its plain spelling only ([`PathPrefix::plain`]).

use std::fmt::{self, Write as _};

/// Why a request's path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathRefused {
    /// It does not start with `/`.
    #[error("the path does not start with '/'")]
    NotAbsolute,
    /// `.` or `..` as a segment, in any spelling.
    #[error("the path has a dot segment")]
    DotSegment,
    /// `\` or `%5c`.
    #[error("the path has a backslash")]
    Backslash,
    /// `%00`.
    #[error("the path has a NUL")]
    Nul,
    /// A `%` without two hexadecimal digits.
    #[error("the path has a broken percent escape")]
    BrokenEscape,
    /// A control character, space, or a byte outside ASCII.
    #[error("the path has a character that must be percent-encoded")]
    RawCharacter,
}

/// Checks the path of a request, as it came.
///
/// # Errors
/// [`PathRefused`], the first reason found.
pub fn check(path: &str) -> Result<(), PathRefused> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(PathRefused::NotAbsolute);
    }
    let mut suspicious = false;
    for &byte in bytes {
        match byte {
            b'\\' => return Err(PathRefused::Backslash),
            0..=0x20 | 0x7f..=0xff => return Err(PathRefused::RawCharacter),
            b'%' | b'.' => suspicious = true,
            _ => {}
        }
    }
    if suspicious { check_escapes_and_dots(bytes) } else { Ok(()) }
}

fn check_escapes_and_dots(bytes: &[u8]) -> Result<(), PathRefused> {
    for segment in bytes.split(|&byte| byte == b'/') {
        let mut dots = 0_usize;
        let mut others = 0_usize;
        for item in Decoded::of(segment) {
            match item {
                None => return Err(PathRefused::BrokenEscape),
                Some(0) => return Err(PathRefused::Nul),
                Some(b'\\') => return Err(PathRefused::Backslash),
                Some(b'.') => dots += 1,
                // Some servers drop `;parameters` before they resolve dots: `/..;/` climbs there.
                Some(b';') if others == 0 && dots > 0 => break,
                Some(_) => others += 1,
            }
        }
        if others == 0 && (dots == 1 || dots == 2) {
            return Err(PathRefused::DotSegment);
        }
    }
    Ok(())
}

/// Decodes percent escapes one byte at a time; `None` is a broken escape.
struct Decoded<'a> {
    rest: &'a [u8],
}

impl<'a> Decoded<'a> {
    const fn of(segment: &'a [u8]) -> Self {
        Self { rest: segment }
    }
}

impl Iterator for Decoded<'_> {
    type Item = Option<u8>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.rest {
            [] => None,
            [b'%', high, low, rest @ ..] => {
                self.rest = rest;
                Some(hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low))
            }
            [b'%', ..] => {
                self.rest = &[];
                Some(None)
            }
            [byte, rest @ ..] => {
                self.rest = rest;
                Some(Some(*byte))
            }
        }
    }
}

/// Appends a segment to a key in which segments are the same that [`PathPrefix::below`] takes for the same, and no others:
/// decoded, with its length before it.
pub(crate) fn push_segment(key: &mut Vec<u8>, segment: &str) {
    let length = key.len();
    key.extend_from_slice(&0_u32.to_ne_bytes());
    let start = key.len();
    let mut is_broken = false;
    if segment.contains('%') {
        let known = Decoded::of(segment.as_bytes()).inspect(|byte| is_broken |= byte.is_none());
        key.extend(known.flatten());
    } else {
        key.extend_from_slice(segment.as_bytes());
    }
    // A broken escape is the same as nothing.
    let decoded = if is_broken { u32::MAX } else { u32::try_from(key.len() - start).unwrap_or(u32::MAX) }.to_ne_bytes();
    if let Some(place) = key.get_mut(length..start) {
        place.copy_from_slice(&decoded);
    }
}

/// Whether a byte is a slash, or may be in a segment without an escape (`pchar` of RFC 3986, section 3.3).
const fn stands_by_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A path below which an application is published: `/` or `/a/b/`. Always starts and ends with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Takes the path of a URL; adds the slash at the end. `None` where the path has anything that [`check`] refuses,
    /// an encoded slash, or an empty segment.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let mut path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        if !path.ends_with('/') {
            path.push('/');
        }
        let ambiguous = path.contains("//") || path.to_ascii_lowercase().contains("%2f") || path.contains(';');
        (check(&path).is_ok() && !ambiguous).then_some(Self(path))
    }

    /// The one spelling of the prefix in which it may be published: what can stand in a path by itself does (RFC 3986,
    /// section 3.3), anything else is escaped, in capital letters. `None` where it escapes what can stand by itself:
    /// such a spelling is a disguise, under which another application's place would be taken a second time.
    #[must_use]
    pub fn plain(&self) -> Option<Self> {
        let escapes = |text: &str| text.bytes().filter(|byte| *byte == b'%').count();
        let missing = self.0.bytes().filter(|byte| *byte != b'%' && !stands_by_itself(*byte)).count();
        let plain = self.spelling();
        // None of its escapes is gone, and only those that it lacked have come.
        (escapes(&plain) == escapes(&self.0) + missing).then_some(Self(plain))
    }

    /// What all spellings of the prefix have in common: decoded, and escaped only where it must be, in capital letters.
    #[must_use]
    pub fn spelling(&self) -> String {
        let mut spelling = String::with_capacity(self.0.len());
        for byte in Decoded::of(self.0.as_bytes()).flatten() {
            if stands_by_itself(byte) {
                spelling.push(char::from(byte));
            } else {
                // Writing to a `String` does not fail.
                let _ = write!(spelling, "%{byte:02X}");
            }
        }
        spelling
    }

    /// How long it is when its escapes are decoded: of two prefixes of one path, the longer one is deeper.
    #[must_use]
    pub fn decoded_len(&self) -> usize {
        Decoded::of(self.0.as_bytes()).count()
    }

    /// The prefix with its slashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where in `path` the part below this prefix starts (without a leading slash); `None` if `path` is elsewhere.
    /// Segments are compared after percent-decoding, so that `/%74eam/` cannot reach past a prefix `/team/`; the
    /// result is an offset into the undecoded path. `/team` itself, without the slash, is below `/team/`.
    #[must_use]
    pub fn below(&self, path: &str) -> Option<usize> {
        if self.0.len() == 1 {
            return path.starts_with('/').then_some(1);
        }
        if path.starts_with(&self.0) {
            return Some(self.0.len());
        }
        let mut offset = 1;
        let wanted = self.0.trim_matches('/');
        let mut given = path.strip_prefix('/')?;
        for segment in wanted.split('/') {
            let end = given.find('/').unwrap_or(given.len());
            let (first, rest) = given.split_at_checked(end)?;
            if !Decoded::of(segment.as_bytes()).eq(Decoded::of(first.as_bytes())) {
                return None;
            }
            offset += first.len() + usize::from(!rest.is_empty());
            given = rest.strip_prefix('/').unwrap_or(rest);
        }
        Some(offset)
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_accepted_unchanged() {
        for path in ["/", "/a/b.html", "/a%2fb", "/a//b", "/a;v=1/b", "/...", "/a..b", "/.well-known/x", "/%E2%82%AC"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_on_which_servers_disagree_are_refused() {
        for (path, reason) in [
            ("a", PathRefused::NotAbsolute),
            ("", PathRefused::NotAbsolute),
            ("/a/../b", PathRefused::DotSegment),
            ("/a/%2e%2E/b", PathRefused::DotSegment),
            ("/a/.%2e", PathRefused::DotSegment),
            ("/./a", PathRefused::DotSegment),
            ("/a/..;x=1/b", PathRefused::DotSegment),
            ("/a\\b", PathRefused::Backslash),
            ("/a%5Cb", PathRefused::Backslash),
            ("/a%00", PathRefused::Nul),
            ("/a%", PathRefused::BrokenEscape),
            ("/a%2", PathRefused::BrokenEscape),
            ("/a%zz", PathRefused::BrokenEscape),
            ("/a b", PathRefused::RawCharacter),
            ("/\u{e9}", PathRefused::RawCharacter),
        ] {
            assert_eq!(check(path), Err(reason), "{path}");
        }
    }

    #[test]
    fn a_path_is_below_a_prefix_segment_by_segment() {
        let team = PathPrefix::parse("/team").unwrap();
        assert_eq!(team.below("/team/x"), Some(6));
        assert_eq!(team.below("/team"), Some(5));
        assert_eq!(team.below("/team/"), Some(6));
        assert_eq!(team.below("/%74eam/x"), Some(8));
        assert_eq!(team.below("/teams/x"), None);
        assert_eq!(team.below("/"), None);
        assert_eq!(team.below("/team%2fx"), None);
        assert_eq!(PathPrefix::parse("/").unwrap().below("/any"), Some(1));
    }

    #[test]
    fn a_prefix_has_one_plain_spelling() {
        let plain = |path: &str| PathPrefix::parse(path).unwrap().plain().map(|plain| plain.0);
        for (path, expected) in [
            ("/", Some("/")),
            ("/app", Some("/app/")),
            ("/a-b.c_d~!$&'()*+,=:@", Some("/a-b.c_d~!$&'()*+,=:@/")),
            ("/caf%c3%a9", Some("/caf%C3%A9/")),
            ("/a|b", Some("/a%7Cb/")),
            ("/a%7cb", Some("/a%7Cb/")),
            ("/%61pp", None),
            ("/a%21", None),
            ("/a%3bb", None),
            ("/%7Eme", None),
        ] {
            assert_eq!(plain(path).as_deref(), expected, "{path}");
        }
        let spelling = |path: &str| PathPrefix::parse(path).unwrap().spelling();
        for (path, expected) in
            [("/%61pp", "/app/"), ("/caf%c3%a9", "/caf%C3%A9/"), ("/a|%7c%25", "/a%7C%7C%25/"), ("/%3b%7e", "/;~/")]
        {
            assert_eq!(spelling(path), expected, "{path}");
        }
        assert_eq!(PathPrefix::parse("/caf%C3%A9").unwrap().decoded_len(), 7);
    }

    #[test]
    fn an_ambiguous_prefix_cannot_be_published() {
        for path in ["/a%2fb", "/a//b", "/a;b", "/a\\b"] {
            assert_eq!(PathPrefix::parse(path), None, "{path}");
        }
    }
}
