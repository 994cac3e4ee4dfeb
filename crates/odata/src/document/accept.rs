//! Which amount of metadata an `Accept` header or a `$format` asks for.
//!
//! JSON is all there is; what matters is whether it is accepted, and with which `odata.metadata`. Other parameters
//! (`odata.streaming`, `IEEE754Compatible`, `charset`) mean nothing here.

use std::cmp::Reverse;

use super::Metadata;

/// One media range that JSON is in.
#[derive(Debug, Clone, Copy)]
struct Range {
    /// The amount that it names; a range that names none means minimal.
    metadata: Metadata,
    /// How narrow it is: of two ranges with something to say about one amount, the narrower counts (RFC 9110, 12.5.1).
    precision: u8,
    /// In thousandths.
    quality: u16,
}

/// Reads how much metadata is asked for; `None` when JSON is not accepted at all. An empty text asks for nothing.
#[must_use]
pub fn accepted(accept: &str) -> Option<Metadata> {
    if accept.trim().is_empty() {
        return Some(Metadata::default());
    }
    let ranges: Vec<Range> = accept.split(',').filter_map(read).collect();
    let chosen = [Metadata::Minimal, Metadata::None, Metadata::Full].into_iter().filter_map(|metadata| {
        let own = ranges.iter().enumerate().filter(|(_, range)| range.metadata == metadata);
        own.max_by_key(|(at, range)| (range.precision, Reverse(*at)))
    });
    chosen
        .filter(|(_, range)| range.quality > 0)
        .max_by_key(|(at, range)| (range.quality, range.precision, Reverse(*at)))
        .map(|(_, range)| range.metadata)
}

/// Reads one range; `None` for one that JSON is not in, or that asks for metadata nobody knows.
fn read(range: &str) -> Option<Range> {
    let range = range.to_ascii_lowercase();
    let mut parts = range.split(';').map(str::trim);
    let mut precision = match parts.next()? {
        "application/json" | "text/json" | "json" => 2,
        "application/*" => 1,
        "*/*" | "*" => 0,
        _ => return None,
    };
    let (mut metadata, mut quality) = (Metadata::Minimal, 1000);
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        match name.trim() {
            "odata.metadata" | "metadata" => {
                metadata = named(value.trim().trim_matches('"'))?;
                precision = 3;
            }
            "q" => quality = thousandths(value.trim()),
            _ => {}
        }
    }
    Some(Range { metadata, precision, quality })
}

fn named(word: &str) -> Option<Metadata> {
    match word {
        "none" => Some(Metadata::None),
        "minimal" => Some(Metadata::Minimal),
        "full" => Some(Metadata::Full),
        _ => None,
    }
}

/// Between 0 and 1000. What is no quality counts as one: the client named the range, after all.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match (whole, digits) {
        ("0", true) => format!("{fraction:0<3}").parse().unwrap_or(1000),
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_is_accepted_in_its_usual_spellings_and_nothing_else() {
        for accept in [
            "application/json",
            "*/*",
            "application/*",
            "APPLICATION/JSON; charset=utf-8",
            "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false",
            "application/json;IEEE754Compatible=true",
            "text/html, */*;q=0.1",
            "json",
            "",
            " ",
        ] {
            assert_eq!(accepted(accept), Some(Metadata::Minimal), "{accept}");
        }
        for accept in ["application/xml", "text/plain;q=0.9", "application/json;q=0", "application/json;q=0.000", ","] {
            assert_eq!(accepted(accept), None, "{accept}");
        }
    }

    #[test]
    fn the_amount_of_metadata_is_the_one_that_is_wanted_most() {
        for (accept, metadata) in [
            ("application/json;odata.metadata=none", Metadata::None),
            ("application/json; odata.metadata=FULL; odata.streaming=true", Metadata::Full),
            ("application/json;metadata=\"full\"", Metadata::Full),
            ("application/json;odata.metadata=none, */*", Metadata::None),
            ("application/json;odata.metadata=none;q=0.5, application/json", Metadata::Minimal),
            ("application/json;q=0.5, application/json;odata.metadata=full;q=0.6", Metadata::Full),
            ("application/json;odata.metadata=none;q=0, application/json", Metadata::Minimal),
        ] {
            assert_eq!(accepted(accept), Some(metadata), "{accept}");
        }
    }

    #[test]
    fn a_narrower_range_takes_json_out_of_a_wider_one() {
        assert_eq!(accepted("application/json;q=0, */*"), None);
        assert_eq!(accepted("*/*, application/json;odata.metadata=minimal;q=0"), None);
        assert_eq!(accepted("application/json;odata.metadata=verbose"), None);
        assert_eq!(accepted("application/json;odata.metadata=verbose, */*;q=0.1"), Some(Metadata::Minimal));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(accept in "[a-z*/;=,. \"0-9é]{0,60}") {
            let _ = accepted(&accept);
        }
    }
}
