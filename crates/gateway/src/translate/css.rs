//! Links in CSS: what stands in `url(...)`, and the string after `@import`.
//!
//! Reads in parts of any size and holds back no more than the beginning of a link. What is not certain to be one stays:
//! comments and other strings, links with escapes, very long ones.

use super::links::PageLinks;

/// The longest link that is looked at, in bytes; what is longer is data, not an address.
const LONGEST: usize = 2048;

/// Where in the style sheet the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Code,
    Comment,
    /// In a string that ends with this quote.
    Text(u8),
    /// In an address without quotes that stays.
    Address,
}

/// Translates a style sheet part by part.
#[derive(Debug)]
pub(crate) struct CssTranslator {
    links: PageLinks,
    place: Place,
    /// What was read and not decided.
    held: Vec<u8>,
    /// The last byte that was written.
    before: u8,
}

/// What one step came to.
enum Step {
    /// So many bytes are done.
    Done(usize),
    /// More must be read first.
    More,
}

/// What a link that starts here is.
enum Link {
    /// It ends here and stands at this place.
    Found(usize, usize),
    /// It is none that is translated; its content starts here, behind this quote.
    Other(usize, Option<u8>),
    More,
}

impl CssTranslator {
    pub(crate) const fn new(links: PageLinks) -> Self {
        Self { links, place: Place::Code, held: Vec::new(), before: b' ' }
    }

    /// Translates the next part.
    pub(crate) fn feed(&mut self, part: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            let done = self.translate(part, false, out);
            self.held.extend_from_slice(part.get(done..).unwrap_or_default());
        } else {
            self.held.extend_from_slice(part);
            let held = std::mem::take(&mut self.held);
            let done = self.translate(&held, false, out);
            self.held.extend_from_slice(held.get(done..).unwrap_or_default());
        }
    }

    /// Writes what is left; the style sheet has ended, and another may follow.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        self.translate(&held, true, out);
        (self.place, self.before) = (Place::Code, b' ');
    }

    /// Translates a whole style sheet; `None` where nothing changes.
    pub(crate) fn whole(links: PageLinks, sheet: &str) -> Option<String> {
        let mut translator = Self::new(links);
        let mut out = Vec::with_capacity(sheet.len() + 64);
        translator.feed(sheet.as_bytes(), &mut out);
        translator.end(&mut out);
        String::from_utf8(out).ok().filter(|translated| translated != sheet)
    }

    fn translate(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> usize {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.step(rest, last, out) {
                Step::Done(count) => {
                    done += count;
                    self.before = done.checked_sub(1).and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
                }
                Step::More => break,
            }
        }
        done
    }

    fn step(&mut self, rest: &[u8], last: bool, out: &mut Vec<u8>) -> Step {
        match self.place {
            Place::Code => self.code(rest, last, out),
            Place::Comment => self.comment(rest, last, out),
            Place::Text(quote) => self.text(quote, rest, last, out),
            Place::Address => {
                let end = rest.iter().position(|byte| *byte == b')');
                if end.is_some() {
                    self.place = Place::Code;
                }
                copy(rest, end.map_or(rest.len(), |end| end + 1), out)
            }
        }
    }

    fn code(&mut self, rest: &[u8], last: bool, out: &mut Vec<u8>) -> Step {
        let special = |byte: &u8| matches!(byte, b'/' | b'"' | b'\'' | b'u' | b'U' | b'@' | b'\\');
        let plain = rest.iter().position(special).unwrap_or(rest.len());
        if plain > 0 {
            return copy(rest, plain, out);
        }
        match rest {
            [b'/', b'*', ..] => {
                self.place = Place::Comment;
                copy(rest, 2, out)
            }
            [quote @ (b'"' | b'\''), ..] => {
                self.place = Place::Text(*quote);
                copy(rest, 1, out)
            }
            [b'u' | b'U', ..] if !is_word(self.before) => self.keyword(rest, b"url(", last, out),
            [b'@', ..] => self.keyword(rest, b"@import", last, out),
            // An escape takes the next character with it, a comment has two signs.
            [b'/' | b'\\'] if !last => Step::More,
            [b'\\', ..] => copy(rest, rest.len().min(2), out),
            _ => copy(rest, 1, out),
        }
    }

    /// A link behind `word`, if that is what stands here.
    fn keyword(&mut self, rest: &[u8], word: &[u8], last: bool, out: &mut Vec<u8>) -> Step {
        let given = rest.get(..word.len()).unwrap_or(rest);
        if !word.get(..given.len()).is_some_and(|start| start.eq_ignore_ascii_case(given)) {
            return copy(rest, 1, out);
        }
        if given.len() < word.len() {
            return if last { copy(rest, rest.len(), out) } else { Step::More };
        }
        match link(rest, word.len(), word == b"url(", last) {
            Link::More => Step::More,
            Link::Other(start, quote) => {
                self.place = match quote {
                    Some(quote) => Place::Text(quote),
                    None if word == b"url(" => Place::Address,
                    None => Place::Code,
                };
                copy(rest, start, out)
            }
            Link::Found(start, end) => {
                let address = rest.get(start..end).and_then(|address| std::str::from_utf8(address).ok());
                out.extend_from_slice(rest.get(..start).unwrap_or_default());
                match address.and_then(|address| self.links.outward(address)) {
                    Some(translated) => out.extend_from_slice(translated.as_bytes()),
                    None => out.extend_from_slice(rest.get(start..end).unwrap_or_default()),
                }
                // The quote at the end goes with it, so that it opens nothing.
                let quoted =
                    start.checked_sub(1).and_then(|at| rest.get(at)).is_some_and(|it| matches!(it, b'"' | b'\''));
                let close = end + usize::from(quoted);
                out.extend_from_slice(rest.get(end..close).unwrap_or_default());
                Step::Done(close)
            }
        }
    }

    fn comment(&mut self, rest: &[u8], last: bool, out: &mut Vec<u8>) -> Step {
        match rest.iter().position(|byte| *byte == b'*') {
            None => copy(rest, rest.len(), out),
            Some(star) if rest.get(star + 1) == Some(&b'/') => {
                self.place = Place::Code;
                copy(rest, star + 2, out)
            }
            Some(star) if star + 1 < rest.len() || last => copy(rest, star + 1, out),
            Some(0) => Step::More,
            Some(star) => copy(rest, star, out),
        }
    }

    /// A string ends with its quote, or, broken, with its line.
    fn text(&mut self, quote: u8, rest: &[u8], last: bool, out: &mut Vec<u8>) -> Step {
        let end = rest.iter().position(|byte| *byte == quote || matches!(byte, b'\\' | b'\n'));
        match end.and_then(|end| rest.get(end).map(|byte| (end, *byte))) {
            None => copy(rest, rest.len(), out),
            Some((end, b'\\')) if end + 1 < rest.len() => copy(rest, end + 2, out),
            Some((end, b'\\')) if last => copy(rest, end + 1, out),
            Some((0, b'\\')) => Step::More,
            Some((end, b'\\')) => copy(rest, end, out),
            Some((end, _)) => {
                self.place = Place::Code;
                copy(rest, end + 1, out)
            }
        }
    }
}

fn copy(rest: &[u8], count: usize, out: &mut Vec<u8>) -> Step {
    out.extend_from_slice(rest.get(..count).unwrap_or(rest));
    Step::Done(count.min(rest.len()))
}

/// Whether a byte is part of a word, so that `url(` behind it is the end of a longer one.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'\\' | 0x80..)
}

/// Reads a link whose keyword ends at `from`. Without quotes only `url(` has one.
fn link(rest: &[u8], from: usize, bare_allowed: bool, last: bool) -> Link {
    let behind = rest.get(from..).unwrap_or_default();
    let space = behind.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut start = from + space;
    let quote = match rest.get(start) {
        Some(quote @ (b'"' | b'\'')) => Some(*quote),
        Some(_) if bare_allowed => None,
        None if !last && space < LONGEST => return Link::More,
        _ => return Link::Other(start, None),
    };
    start += usize::from(quote.is_some());
    let address = rest.get(start..).unwrap_or_default();
    if address.first().is_some_and(|first| !PageLinks::may_start_with(*first)) {
        return Link::Other(start, quote);
    }
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote || matches!(byte, b'\\' | b'\n'),
        None => byte.is_ascii_whitespace() || matches!(byte, b')' | b'(' | b'"' | b'\'' | b'\\'),
    };
    let sound = |byte: u8| quote.map_or(byte == b')' || byte.is_ascii_whitespace(), |quote| byte == quote);
    match address.iter().take(LONGEST).position(ends) {
        Some(length) if address.get(length).is_some_and(|byte| sound(*byte)) => Link::Found(start, start + length),
        None if !last && address.len() < LONGEST => Link::More,
        _ => Link::Other(start, quote),
    }
}

#[cfg(test)]
mod tests {
    use super::super::links::tests::page_links;
    use super::*;

    const SHEET: &str = "@charset \"utf-8\";\n@import 'http://shop/a.css' screen;\n@IMPORT\n\"http://shop/b.css\";\n\
        @import url( http://shop/c.css );\na { background: URL(\"http://shop/d.png\") } /* url(http://shop/no.png) */\n\
        b::after { content: \"url(http://shop/no.png)\"; background: url('/app/e.png'), url(data:image/png;base64,AA==) }\n\
        c { background: my-url(http://shop/no.png); mask: url(//shop/f.svg#g) } d { cursor: url(http://shop/g\\.png) }\n\
        e { background: url( 'http://shop/h.png' ) }\\75 rl(http://shop/no.png)";

    const TRANSLATED: &str = "@charset \"utf-8\";\n@import 'https://shop.example/a.css' screen;\n\
        @IMPORT\n\"https://shop.example/b.css\";\n\
        @import url( https://shop.example/c.css );\na { background: URL(\"https://shop.example/d.png\") } \
        /* url(http://shop/no.png) */\n\
        b::after { content: \"url(http://shop/no.png)\"; background: url('/team/e.png'), url(data:image/png;base64,AA==) }\n\
        c { background: my-url(http://shop/no.png); mask: url(https://shop.example/f.svg#g) } \
        d { cursor: url(http://shop/g\\.png) }\n\
        e { background: url( 'https://shop.example/h.png' ) }\\75 rl(http://shop/no.png)";

    fn translated(sheet: &str) -> String {
        CssTranslator::whole(page_links(), sheet).unwrap_or_else(|| sheet.to_owned())
    }

    #[test]
    fn links_are_translated_and_nothing_else() {
        assert_eq!(translated(SHEET), TRANSLATED);
    }

    #[test]
    fn how_a_sheet_is_cut_into_parts_does_not_matter() {
        for size in 1..=SHEET.len() {
            let mut translator = CssTranslator::new(page_links());
            let mut out = Vec::new();
            for part in SHEET.as_bytes().chunks(size) {
                translator.feed(part, &mut out);
            }
            translator.end(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), TRANSLATED, "parts of {size}");
        }
    }

    #[test]
    fn sheets_that_end_too_early_lose_nothing() {
        let restored = |sheet: &str| {
            let with_scheme = sheet.replace("https://shop.example/f", "//shop/f").replace("'/team/", "'/app/");
            with_scheme.replace("https://shop.example/", "http://shop/")
        };
        for end in 0..=SHEET.len() {
            let cut = &SHEET[..end];
            assert_eq!(restored(&translated(cut)), cut);
        }
        for sheet in
            ["url(", "url( ", "url('", "url('http://shop/x", "@import", "@import ", "u", "/", "/*", "\"a\\", "\\"]
        {
            assert_eq!(translated(sheet), sheet);
        }
    }

    #[test]
    fn little_is_held_back_whatever_comes() {
        let mut translator = CssTranslator::new(page_links());
        let mut out = Vec::new();
        for start in ["url(http://shop/", "@import \"http://shop/", "url(data:", "/*", "\"", "@import   ", "url(   "] {
            translator.feed(start.as_bytes(), &mut out);
            for _ in 0..10_000 {
                translator.feed(b"aaaaaaaa", &mut out);
                assert!(translator.held.len() <= LONGEST + 64, "{start}");
            }
            translator.end(&mut out);
        }
        let written = out.len();
        assert!(written > 7 * 80_000, "nothing is lost: {written}");
    }
}
