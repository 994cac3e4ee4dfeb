//! The query options of a request: which were given, each at most once, with their plain values read.
//!
//! The `$` is optional and names are read in any case, as real clients write them. A name with `$` that is no option is
//! an error, because ignoring it would silently answer another question; any other unknown name is ignored.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::limit::{QUERY_BYTES, TOKEN_BYTES};

/// The query options of one request. What is a language of its own (filter, select) is still text here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryOptions {
    /// `$select`.
    pub select: Option<String>,
    /// `$filter`.
    pub filter: Option<String>,
    /// `$orderby`.
    pub orderby: Option<String>,
    /// `$expand`.
    pub expand: Option<String>,
    /// `$search`.
    pub search: Option<String>,
    /// `$top`; a number too large for the type is the largest of the type.
    pub top: Option<u32>,
    /// `$skip`; likewise.
    pub skip: Option<u32>,
    /// `$count`.
    pub count: Option<bool>,
    /// `$skiptoken`.
    pub skiptoken: Option<String>,
    /// `$deltatoken`.
    pub deltatoken: Option<String>,
    /// `$format`.
    pub format: Option<String>,
    /// `$id` or `@id`: the reference that a `DELETE .../$ref` means.
    pub reference: Option<String>,
}

/// Why query options cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryOptionError {
    /// Longer than [`QUERY_BYTES`].
    #[error("The query string is longer than {QUERY_BYTES} bytes.")]
    TooLong,
    /// A `#`, which ends the query of a URL and is never sent.
    #[error("The query string has a '#', which must be written as %23.")]
    Fragment,
    /// Bytes that are not UTF-8.
    #[error("The query string is not valid UTF-8 text.")]
    NotText,
    /// A name with `$` that is no option.
    #[error("The query option '{0}' is not supported.")]
    Unknown(String),
    /// An option of OData that this server does not have.
    #[error("The query option '${0}' is not supported.")]
    Unsupported(&'static str),
    /// A name without `=`, most often the end of a value in which an `&` was not encoded.
    #[error("The query option '{0}' has no value. Inside of a value, '&' must be written as %26.")]
    NoValue(String),
    /// A space between `=` and a value, where the grammar has none.
    #[error("Query option '{0}' has a space before its value.")]
    SpaceBefore(&'static str),
    /// One option given more than once.
    #[error("Query option '${0}' was specified more than once, but it must be specified at most once.")]
    Repeated(&'static str),
    /// A value of the wrong kind.
    #[error("Invalid value '{value}' for ${option}: {expected} is expected.")]
    Invalid {
        /// The option.
        option: &'static str,
        /// What was given.
        value: String,
        /// What should have been.
        expected: &'static str,
    },
}

/// The options that are understood.
const KNOWN: [&str; 11] =
    ["select", "filter", "orderby", "expand", "search", "top", "skip", "count", "skiptoken", "deltatoken", "format"];

/// Options that OData defines and this server does not have; without `$` they are an error too.
const UNSUPPORTED: [&str; 6] = ["apply", "compute", "levels", "index", "schemaversion", "batch"];

impl QueryOptions {
    /// Reads the query string of a request (without the question mark).
    ///
    /// # Errors
    /// [`QueryOptionError`], the first thing that is wrong.
    pub fn parse(query: &str) -> Result<Self, QueryOptionError> {
        if query.len() > QUERY_BYTES + TOKEN_BYTES || without_token(query) > QUERY_BYTES {
            return Err(QueryOptionError::TooLong);
        }
        if query.contains('#') {
            return Err(QueryOptionError::Fragment);
        }
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
            let name = decode(name)?;
            match option_named(&name)? {
                Some(option) => options.set(option, value_of(option, value.unwrap_or_default())?)?,
                None if value.is_none() && name.starts_with(char::is_alphanumeric) => {
                    return Err(QueryOptionError::NoValue(name.chars().take(100).collect()));
                }
                None => {}
            }
        }
        Ok(options)
    }

    fn set(&mut self, option: &'static str, value: String) -> Result<(), QueryOptionError> {
        match option {
            "select" => once(&mut self.select, option, value),
            "filter" => once(&mut self.filter, option, value),
            "orderby" => once(&mut self.orderby, option, value),
            "expand" => once(&mut self.expand, option, value),
            "search" => once(&mut self.search, option, value),
            "skiptoken" => once(&mut self.skiptoken, option, value),
            "deltatoken" => once(&mut self.deltatoken, option, value),
            "format" => once(&mut self.format, option, value),
            "top" => once(
                &mut self.top,
                option,
                number(&value).ok_or_else(|| invalid(option, &value, "a non-negative integer"))?,
            ),
            "skip" => once(
                &mut self.skip,
                option,
                number(&value).ok_or_else(|| invalid(option, &value, "a non-negative integer"))?,
            ),
            "count" => {
                once(&mut self.count, option, truth(&value).ok_or_else(|| invalid(option, &value, "true or false"))?)
            }
            _ => once(&mut self.reference, "id", value),
        }
    }
}

/// How long a query is without its token, which this server itself has made.
fn without_token(query: &str) -> usize {
    let is_token = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        ["skiptoken", "deltatoken"].iter().any(|token| name.ends_with(token))
    };
    query.split('&').filter(|pair| !is_token(pair)).map(|pair| pair.len() + 1).sum::<usize>().saturating_sub(1)
}

/// Which option a name means; `None` for a name that is nobody's business.
fn option_named(name: &str) -> Result<Option<&'static str>, QueryOptionError> {
    if ["$id", "@id", "@odata.id"].iter().any(|id| id.eq_ignore_ascii_case(name)) {
        return Ok(Some("id"));
    }
    let bare = name.strip_prefix('$').unwrap_or(name);
    if let Some(option) = KNOWN.into_iter().find(|option| option.eq_ignore_ascii_case(bare)) {
        return Ok(Some(option));
    }
    if let Some(option) = UNSUPPORTED.into_iter().find(|option| option.eq_ignore_ascii_case(bare)) {
        return Err(QueryOptionError::Unsupported(option));
    }
    // A known name with a space beside it is a slip that would answer another question.
    let slipped = name.trim() != name && option_named(name.trim()).is_ok_and(|option| option.is_some());
    if name.starts_with('$') || slipped {
        return Err(QueryOptionError::Unknown(name.chars().take(100).collect()));
    }
    Ok(None)
}

/// Percent-decoding; `+` is a space, as in forms: several HTTP libraries write it so.
fn decode(text: &str) -> Result<String, QueryOptionError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned).map_err(|_| QueryOptionError::NotText)
}

/// The value of an option. OData allows a space before a search only; spaces at the end mean nothing.
fn value_of(option: &'static str, text: &str) -> Result<String, QueryOptionError> {
    let value = decode(text)?;
    if value.starts_with(' ') && option != "search" {
        return Err(QueryOptionError::SpaceBefore(option));
    }
    Ok(value.trim_end().to_owned())
}

fn once<T>(slot: &mut Option<T>, option: &'static str, value: T) -> Result<(), QueryOptionError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryOptionError::Repeated(option)),
    }
}

/// A natural number; one too large for the type is the largest of the type.
pub(crate) fn number(value: &str) -> Option<u32> {
    let is_natural = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_natural.then(|| value.parse().unwrap_or(u32::MAX))
}

/// True or false, in any case.
pub(crate) fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn invalid(option: &'static str, value: &str, expected: &'static str) -> QueryOptionError {
    QueryOptionError::Invalid { option, value: value.chars().take(100).collect(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_are_read_in_any_case_with_or_without_the_dollar_sign() {
        for query in ["$Filter=name%20eq%20'a'&$TOP=5&%24count=True", "filter=name+eq+'a'&top=5&count=true&x=y"] {
            let options = QueryOptions::parse(query).unwrap();
            assert_eq!(options.filter.as_deref(), Some("name eq 'a'"), "{query}");
            assert_eq!((options.top, options.count), (Some(5), Some(true)), "{query}");
        }
    }

    #[test]
    fn tokens_are_kept_as_text() {
        let options = QueryOptions::parse("$skiptoken=a%2Bb&$DeltaToken=latest").unwrap();
        assert_eq!((options.skiptoken.as_deref(), options.deltatoken.as_deref()), (Some("a+b"), Some("latest")));
    }

    #[test]
    fn a_space_stands_before_a_search_only_and_none_beside_a_name() {
        assert_eq!(QueryOptions::parse("$filter=%20true"), Err(QueryOptionError::SpaceBefore("filter")));
        assert_eq!(QueryOptions::parse("$filter%20=true"), Err(QueryOptionError::Unknown("$filter ".to_owned())));
        assert_eq!(QueryOptions::parse("filter+=true"), Err(QueryOptionError::Unknown("filter ".to_owned())));
        assert_eq!(QueryOptions::parse("$search=+a+").unwrap().search.as_deref(), Some(" a"));
        assert_eq!(QueryOptions::parse("$filter=true%20").unwrap().filter.as_deref(), Some("true"));
        assert_eq!(QueryOptions::parse("my+own=1"), Ok(QueryOptions::default()));
    }

    #[test]
    fn the_end_of_a_value_that_was_cut_at_an_ampersand_is_not_ignored() {
        assert_eq!(QueryOptions::parse("$search=more&more"), Err(QueryOptionError::NoValue("more".to_owned())));
        assert!(QueryOptions::parse("$search=more&!special&x=&&").is_ok());
    }

    #[test]
    fn a_reference_can_be_an_option() {
        for query in ["@id=https%3A%2F%2Fh%2Fthings%2F1", "$id=https://h/things/1"] {
            assert_eq!(QueryOptions::parse(query).unwrap().reference.as_deref(), Some("https://h/things/1"));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_and_not_ignored() {
        assert_eq!(QueryOptions::parse("$nosuch=1"), Err(QueryOptionError::Unknown("$nosuch".to_owned())));
        assert_eq!(QueryOptions::parse("$top=1&top=2"), Err(QueryOptionError::Repeated("top")));
        assert_eq!(QueryOptions::parse("$apply=x"), Err(QueryOptionError::Unsupported("apply")));
        assert_eq!(QueryOptions::parse("$search=#1"), Err(QueryOptionError::Fragment));
        for query in ["$top=-1", "$top=1.5", "$top=", "$top=x", "$count=yes", "$skip=-1", "$filter=%ff"] {
            assert!(QueryOptions::parse(query).is_err(), "{query}");
        }
        assert_eq!(QueryOptions::parse(&format!("x={}", "a".repeat(9000))), Err(QueryOptionError::TooLong));
        assert_eq!(QueryOptions::parse("$top=99999999999999").unwrap().top, Some(u32::MAX));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_option_parser_panic(query in "\\PC{0,200}") {
            let _ = QueryOptions::parse(&query);
        }
    }
}
