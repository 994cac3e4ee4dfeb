//! The query options of a request: which were given, each at most once, with their plain values read.
//!
//! The `$` is optional and names are read in any case, as real clients write them. A name with `$` that is no option is
//! an error, because ignoring it would silently answer another question; any other unknown name is ignored.

use percent_encoding::percent_decode_str;

use crate::limit::QUERY_BYTES;

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
    /// Bytes that are not UTF-8.
    #[error("The query string is not valid UTF-8 text.")]
    NotText,
    /// A name with `$` that is no option.
    #[error("The query option '{0}' is not supported.")]
    Unknown(String),
    /// An option of OData that this server does not have.
    #[error("The query option '${0}' is not supported.")]
    Unsupported(&'static str),
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
const KNOWN: [&str; 10] =
    ["select", "filter", "orderby", "expand", "search", "top", "skip", "count", "skiptoken", "format"];

/// Options that OData defines and this server does not have; without `$` they are an error too.
const UNSUPPORTED: [&str; 7] = ["apply", "compute", "deltatoken", "levels", "index", "schemaversion", "batch"];

impl QueryOptions {
    /// Reads the query string of a request (without the question mark).
    ///
    /// # Errors
    /// [`QueryOptionError`], the first thing that is wrong.
    pub fn parse(query: &str) -> Result<Self, QueryOptionError> {
        if query.len() > QUERY_BYTES {
            return Err(QueryOptionError::TooLong);
        }
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            if let Some(option) = option_named(&name)? {
                options.set(option, decode(value)?)?;
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
            "format" => once(&mut self.format, option, value),
            "top" => once(&mut self.top, option, number(option, &value)?),
            "skip" => once(&mut self.skip, option, number(option, &value)?),
            "count" => once(&mut self.count, option, truth(option, &value)?),
            _ => once(&mut self.reference, "id", value),
        }
    }
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
    if name.starts_with('$') {
        return Err(QueryOptionError::Unknown(name.chars().take(100).collect()));
    }
    Ok(None)
}

/// Percent-decoding; `+` is a space, as in forms: several HTTP libraries write it so.
fn decode(text: &str) -> Result<String, QueryOptionError> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(|text| text.trim().to_owned()).map_err(|_| QueryOptionError::NotText)
}

fn once<T>(slot: &mut Option<T>, option: &'static str, value: T) -> Result<(), QueryOptionError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(QueryOptionError::Repeated(option)),
    }
}

fn number(option: &'static str, value: &str) -> Result<u32, QueryOptionError> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(option, value, "a non-negative integer"));
    }
    Ok(value.parse().unwrap_or(u32::MAX))
}

fn truth(option: &'static str, value: &str) -> Result<bool, QueryOptionError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(option, value, "true or false")),
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
