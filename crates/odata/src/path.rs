//! The path of a request or of a reference, cut into parts.
//!
//! A key may be a segment of its own or stand in parentheses, with or without quotes; an alternate key and the arguments
//! of a function stand in parentheses with their names. All of them come out as parts, so that a route is matched in one
//! way. Each segment is percent-decoded after the cut: an encoded slash is data, not a cut.

use percent_encoding::percent_decode_str;

use crate::limit::{PATH_BYTES, PATH_SEGMENTS};

/// How much of a segment an error repeats, in characters.
const SHOWN: usize = 100;

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A segment: a name, or a key that stands as a segment.
    Word(String),
    /// A key in parentheses.
    Key(String),
    /// One name with a value in parentheses: an alternate key, or the argument of a function.
    NamedKey {
        /// The property or the parameter.
        name: String,
        /// Its value.
        value: String,
    },
    /// Several names with values in parentheses: the arguments of a function.
    Arguments(Vec<(String, String)>),
}

impl Part {
    /// The text of a word or a key; empty for several arguments.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Key(text) | Self::NamedKey { value: text, .. } => text,
            Self::Arguments(_) => "",
        }
    }
}

/// Why a path cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Longer than [`PATH_BYTES`] or more segments than [`PATH_SEGMENTS`].
    #[error("The path is too long.")]
    TooLong,
    /// Bytes that are not UTF-8, or a control character.
    #[error("The path is not valid UTF-8 text.")]
    NotText,
    /// Two slashes in a row.
    #[error("The path has an empty segment.")]
    EmptySegment,
    /// Parentheses or quotes that do not match.
    #[error("The key in segment '{0}' is malformed.")]
    MalformedKey(String),
    /// An argument that is a reference to a query option: `f(x=@p)`.
    #[error("The parameter alias in segment '{0}' is not supported: write the value itself.")]
    ParameterAlias(String),
}

/// Cuts `path` into parts; a slash at the start and one at the end mean nothing.
///
/// # Errors
/// [`PathError`], the first thing that is wrong.
pub fn parse(path: &str) -> Result<Vec<Part>, PathError> {
    if path.len() > PATH_BYTES {
        return Err(PathError::TooLong);
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    if path.split('/').count() > PATH_SEGMENTS {
        return Err(PathError::TooLong);
    }
    let mut parts = Vec::new();
    for segment in path.split('/') {
        push_segment(&decode(segment)?, &mut parts)?;
    }
    Ok(parts)
}

fn decode(segment: &str) -> Result<String, PathError> {
    let text = percent_decode_str(segment).decode_utf8().map_err(|_| PathError::NotText)?;
    if text.chars().any(char::is_control) {
        return Err(PathError::NotText);
    }
    if text.is_empty() {
        return Err(PathError::EmptySegment);
    }
    Ok(text.into_owned())
}

fn push_segment(segment: &str, parts: &mut Vec<Part>) -> Result<(), PathError> {
    let shown = || segment.chars().take(SHOWN).collect::<String>();
    let malformed = || PathError::MalformedKey(shown());
    let Some((name, rest)) = segment.split_once('(') else {
        parts.push(Part::Word(segment.to_owned()));
        return Ok(());
    };
    let inside = rest.strip_suffix(')').ok_or_else(malformed)?.trim();
    if name.is_empty() {
        return Err(malformed());
    }
    parts.push(Part::Word(name.to_owned()));
    if inside.is_empty() {
        parts.push(Part::Arguments(Vec::new()));
        return Ok(());
    }
    let pieces = pieces(inside);
    if pieces.iter().any(|piece| value_of(piece).starts_with('@')) {
        return Err(PathError::ParameterAlias(shown()));
    }
    parts.push(bracketed(&pieces).ok_or_else(malformed)?);
    Ok(())
}

/// Cuts at the commas that are not inside quotes. A doubled quote closes and opens again, so it needs no case of its own.
fn pieces(inside: &str) -> Vec<&str> {
    let mut quoted = false;
    let cut = |c: char| {
        quoted ^= c == '\'';
        c == ',' && !quoted
    };
    inside.split(cut).map(str::trim).collect()
}

/// What stands behind the name of a piece; the whole piece if it has none.
fn value_of(piece: &str) -> &str {
    pair(piece).map_or(piece, |(_, value)| value)
}

/// A name and the text of its value.
fn pair(piece: &str) -> Option<(&str, &str)> {
    let (name, value) = piece.split_once('=')?;
    let name = name.trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then(|| (name, value.trim()))
}

fn bracketed(pieces: &[&str]) -> Option<Part> {
    if let [piece] = pieces
        && (piece.starts_with('\'') || !piece.contains('='))
    {
        return unquoted(piece).map(Part::Key);
    }
    let mut pairs = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let (name, value) = pair(piece)?;
        pairs.push((name.to_owned(), unquoted(value)?));
    }
    if pairs.len() > 1 {
        return Some(Part::Arguments(pairs));
    }
    pairs.pop().map(|(name, value)| Part::NamedKey { name, value })
}

/// Takes off single quotes, inside which a quote is doubled; a text without quotes stays as it is.
fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('\'') else {
        return (!text.is_empty() && !text.contains(['\'', '(', ')', ','])).then(|| text.to_owned());
    };
    let inside = rest.strip_suffix('\'')?;
    let plain = inside.replace("''", "\u{0}");
    (!plain.contains('\'') && !plain.is_empty()).then(|| plain.replace('\u{0}', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(text: &str) -> Part {
        Part::Word(text.to_owned())
    }

    fn key_of(text: &str) -> Part {
        Part::Key(text.to_owned())
    }

    #[test]
    fn keys_stand_as_segments_and_in_parentheses_with_or_without_quotes() {
        assert_eq!(parse("/things/7/%24ref/").unwrap(), [word("things"), word("7"), word("$ref")]);
        for path in ["/things('7')/parts", "things(7)/parts", "/things(%277%27)/parts"] {
            assert_eq!(parse(path).unwrap(), [word("things"), key_of("7"), word("parts")], "{path}");
        }
        let named = Part::NamedKey { name: "name".to_owned(), value: "O'Neil=/1".to_owned() };
        assert_eq!(parse("things(name='O''Neil=%2F1')").unwrap(), [word("things"), named]);
    }

    #[test]
    fn an_empty_path_has_no_parts_and_a_call_has_no_key() {
        assert_eq!(parse("/").unwrap(), []);
        assert_eq!(parse("things/delta()").unwrap(), [word("things"), word("delta"), Part::Arguments(vec![])]);
    }

    #[test]
    fn arguments_are_cut_at_commas_outside_quotes() {
        let pairs = [("a", "x,y='"), ("b_2", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        for path in ["f(a='x,y=''', b_2 = 7 )", "f(a='x%2Cy=%27%27',b_2=7)"] {
            assert_eq!(parse(path).unwrap(), [word("f"), Part::Arguments(pairs.to_vec())], "{path}");
        }
    }

    #[test]
    fn parameter_aliases_are_refused_by_name() {
        for path in ["f(a=@p)", "f(a='x',b=@p)", "things(@p)"] {
            assert_eq!(parse(path), Err(PathError::ParameterAlias(path.to_owned())), "{path}");
        }
        assert!(parse("f(a='@p')").is_ok());
    }

    #[test]
    fn malformed_paths_are_refused() {
        for path in ["a//b", "things('7", "things('7'x)", "things(')", "(x)", "things(a b='x','y')", "%ff", "a%00b"] {
            assert!(parse(path).is_err(), "{path}");
        }
        assert_eq!(parse(&"a/".repeat(PATH_SEGMENTS + 1)), Err(PathError::TooLong));
        assert_eq!(parse(&"a".repeat(9000)), Err(PathError::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_path_parser_panic(path in "\\PC{0,200}") {
            let _ = parse(&path);
        }

        #[test]
        fn a_quoted_key_comes_out_as_it_went_in(value in "[a-zA-Z0-9' .=-]{1,40}") {
            let path = format!("things('{}')", value.replace('\'', "''"));
            prop_assert_eq!(parse(&path).unwrap(), vec![word("things"), key_of(&value)]);
        }
    }
}
