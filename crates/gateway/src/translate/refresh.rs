//! Where the URL is in `5; url=/next`: the field `Refresh`, and `<meta http-equiv=refresh>`, which mean the same.

use std::ops::Range;

/// Finds the URL as browsers do: after the seconds and a `;` or `,`, with or without `url=`, quoted or not.
pub(crate) fn url_in(value: &str) -> Option<Range<usize>> {
    let seconds = value.trim_start().trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let separated = seconds.trim_start();
    let behind = separated.strip_prefix([';', ',']).unwrap_or(separated);
    if behind.len() == seconds.len() {
        return None;
    }
    let rest = behind.trim_start();
    let named = || {
        let (word, rest) = rest.split_at_checked(3)?;
        let rest = rest.trim_start().strip_prefix('=')?;
        word.eq_ignore_ascii_case("url").then(|| rest.trim_start())
    };
    let url = named().unwrap_or(rest);
    let quote = url.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let url = quote.map_or(url, |_| url.get(1..).unwrap_or_default());
    let end = quote.and_then(|quote| url.find(quote)).unwrap_or(url.trim_end().len());
    let start = value.len() - url.len();
    (end > 0).then_some(start..start + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_found_where_browsers_find_it() {
        for (value, url) in [
            ("5; url=/next", Some("/next")),
            ("5;URL=http://wiki/", Some("http://wiki/")),
            ("0, Url = 'http://wiki/a;b' ", Some("http://wiki/a;b")),
            ("0; url=\"http://wiki/\"", Some("http://wiki/")),
            ("3.5; /next ", Some("/next")),
            ("5 url=/next", Some("/next")),
            ("; url=/next", Some("/next")),
            ("5", None),
            ("5;", None),
            ("5; url=", None),
            ("", None),
        ] {
            assert_eq!(url_in(value).and_then(|range| value.get(range)), url, "{value}");
        }
    }
}
