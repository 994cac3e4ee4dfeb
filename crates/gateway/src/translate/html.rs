//! Links in HTML: in the attributes that hold addresses, in `style`, and in `<style>`.
//!
//! The page passes through a streaming parser with bounded memory. A tag that does not fit into it ends the translation:
//! what was read and all that follows is passed on as it is. Tags without a link to translate are not written anew.
//!
//! What has come is passed on at once, but for a tag that is not finished: pages that grow while they are read do so here
//! as well.

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::html_content::{ContentType, Element, TextChunk};
use lol_html::{HtmlRewriter, MemorySettings, OutputSink, Settings, element, text};

use super::css::CssTranslator;
use super::links::PageLinks;
use super::refresh;
use crate::limits;

/// What the parser may be asked to look at again, in parts of what it holds: input that comes in small pieces while a
/// tag is not finished is collected first, so that the work stays in proportion to the input.
const PATIENCE: usize = 8;

/// What handing input over early, because nothing more came, may have the parser look at again for nothing: the largest
/// tag 64 times. From then on each byte that comes earns [`PATIENCE`] more.
const FIRST_CREDIT: usize = 64 * limits::HTML_MEMORY;

/// Translates a page part by part.
pub(crate) struct HtmlTranslator {
    /// `None` once the translation has ended early.
    rewriter: Option<HtmlRewriter<'static, Written>>,
    written: Rc<RefCell<Vec<u8>>>,
    /// Input that was not handed over yet.
    collected: Vec<u8>,
    /// About as much of the input is held by the parser.
    held: usize,
    /// How much it may still be asked to look at again for the sake of haste.
    credit: usize,
}

/// Where the parser writes to.
struct Written(Rc<RefCell<Vec<u8>>>);

impl OutputSink for Written {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        self.0.borrow_mut().extend_from_slice(chunk);
    }
}

impl std::fmt::Debug for HtmlTranslator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HtmlTranslator").field("held", &self.held).finish_non_exhaustive()
    }
}

impl HtmlTranslator {
    pub(crate) fn new(links: PageLinks) -> Self {
        let written = Rc::new(RefCell::new(Vec::new()));
        let sheet = Rc::new(RefCell::new(CssTranslator::new(links.clone())));
        let unfinished = Rc::clone(&sheet);
        let mut base = None;
        let settings = Settings::new()
            .with_strict(false)
            .with_adjust_charset_on_meta_tag(true)
            .with_memory_settings(
                MemorySettings::new()
                    .with_max_allowed_memory_usage(limits::HTML_MEMORY)
                    .with_graceful_bail_out_on_memory_limit_exceeded(true),
            )
            .append_element_content_handler(element!("*", move |element| {
                translate_attributes(element, &links, &mut base);
                Ok(())
            }))
            .append_element_content_handler(text!("style", move |text| {
                translate_style(text, &mut sheet.borrow_mut());
                Ok(())
            }))
            .append_bail_out_handler(lol_html::bail_out!(move |_, rest| {
                let mut left = Vec::new();
                unfinished.borrow_mut().end(&mut left);
                rest.append(&String::from_utf8_lossy(&left), ContentType::Html);
            }));
        let rewriter = HtmlRewriter::new(settings, Written(Rc::clone(&written)));
        Self { rewriter: Some(rewriter), written, collected: Vec::new(), held: 0, credit: FIRST_CREDIT }
    }

    /// Translates the next part.
    pub(crate) fn feed(&mut self, part: &[u8], out: &mut Vec<u8>) {
        self.credit = self.credit.saturating_add(PATIENCE * part.len());
        if self.collected.is_empty() && part.len() >= self.held / PATIENCE {
            self.hand_over(part);
        } else {
            self.collected.extend_from_slice(part);
            if self.collected.len() >= self.held / PATIENCE {
                let collected = std::mem::take(&mut self.collected);
                self.hand_over(&collected);
            }
        }
        self.take_written(out);
    }

    /// Translates what was collected, because nothing more has come so far.
    pub(crate) fn hurry(&mut self, out: &mut Vec<u8>) {
        if !self.collected.is_empty() && self.held <= self.credit {
            self.credit -= self.held;
            let collected = std::mem::take(&mut self.collected);
            self.hand_over(&collected);
            self.take_written(out);
        }
    }

    /// Writes what is left of the page.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        let collected = std::mem::take(&mut self.collected);
        self.hand_over(&collected);
        if let Some(rewriter) = self.rewriter.take() {
            // What it could not translate it has written as it was.
            let _ = rewriter.end();
        }
        self.take_written(out);
    }

    fn hand_over(&mut self, part: &[u8]) {
        let Some(rewriter) = &mut self.rewriter else { return self.written.borrow_mut().extend_from_slice(part) };
        let before = self.written.borrow().len();
        if let Err(error) = rewriter.write(part) {
            tracing::debug!(%error, "the rest of a page is passed on untranslated");
            // All that it held is written, and nothing waits from here on.
            (self.rewriter, self.held) = (None, 0);
            return;
        }
        let advanced = self.written.borrow().len() > before;
        self.held = if advanced { part.len() } else { self.held + part.len() };
    }

    fn take_written(&self, out: &mut Vec<u8>) {
        let mut written = self.written.borrow_mut();
        if out.is_empty() {
            std::mem::swap(&mut *written, out);
        } else {
            out.append(&mut written);
        }
    }
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Address,
    /// Addresses with spaces between them.
    Addresses,
    /// Addresses with sizes, and commas between them.
    Images,
    /// CSS.
    Style,
    /// An address, or `seconds; url=address`.
    Content,
}

/// What the attribute `name` of an element holds, if it holds addresses; both names in lower case.
fn holds(element: &str, name: &str) -> Option<Holds> {
    match name {
        "href" | "src" | "action" | "formaction" | "poster" | "background" | "longdesc" | "xlink:href" | "data-src"
        | "data-background" => Some(Holds::Address),
        "srcset" | "imagesrcset" => Some(Holds::Images),
        "style" | "data-style" => Some(Holds::Style),
        "content" if element == "meta" => Some(Holds::Content),
        "value" if element == "input" => Some(Holds::Address),
        "data" | "codebase" | "classid" if element == "object" => Some(Holds::Address),
        "archive" if element == "object" => Some(Holds::Addresses),
        "cite" if matches!(element, "blockquote" | "q" | "ins" | "del") => Some(Holds::Address),
        "ping" if matches!(element, "a" | "area") => Some(Holds::Addresses),
        "icon" if element == "menuitem" => Some(Holds::Address),
        "manifest" if element == "html" => Some(Holds::Address),
        "profile" if element == "head" => Some(Holds::Address),
        _ => None,
    }
}

/// `base` is where the page's `<base>` leads, once it was read: only the first one counts.
fn translate_attributes(element: &mut Element<'_, '_>, links: &PageLinks, base: &mut Option<Base>) {
    if element.attributes().is_empty() {
        return;
    }
    let tag = element.tag_name();
    match tag.as_str() {
        "base" if base.is_none() => *base = element.get_attribute("href").map(|href| Base::of(&href, links)),
        // Browsers refuse a style sheet whose text differs from what `integrity` says, and links in it are translated.
        "link" if is_own_sheet(element, links, *base) => element.remove_attribute("integrity"),
        _ => {}
    }
    let translated = |attribute: &lol_html::html_content::Attribute<'_>| {
        let name = attribute.name();
        let value = value(holds(&tag, &name)?, &attribute.value(), links)?;
        Some((name, value))
    };
    let changes: Vec<(String, String)> = element.attributes().iter().filter_map(translated).collect();
    for (name, value) in changes {
        // The name was there before, so it can be written.
        let _ = element.set_attribute(&name, &value);
    }
}

/// Where references on a page that name no host lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// To the application.
    Own,
    Elsewhere,
}

impl Base {
    fn of(href: &str, links: &PageLinks) -> Self {
        if links.is_own(href) { Self::Own } else { Self::Elsewhere }
    }
}

/// Whether a `<link>` is to a style sheet of the application itself, and says what its text must be. What scripts and
/// sheets from elsewhere must be stays said: those are not translated here.
fn is_own_sheet(link: &Element<'_, '_>, links: &PageLinks, base: Option<Base>) -> bool {
    if !link.has_attribute("integrity") {
        return false;
    }
    let (rel, kind) = (link.get_attribute("rel").unwrap_or_default(), link.get_attribute("as").unwrap_or_default());
    let is = |word: &str| rel.split_ascii_whitespace().any(|own| own.eq_ignore_ascii_case(word));
    let is_sheet = is("stylesheet") || is("preload") && kind.trim_ascii().eq_ignore_ascii_case("style");
    // With a base elsewhere what names no host leads there; what names one is written out.
    let leads_here = |href: &str| base != Some(Base::Elsewhere) || href.contains("//");
    is_sheet && link.get_attribute("href").is_some_and(|href| leads_here(&href) && links.is_own(&href))
}

/// What an attribute becomes; `None` where it stays.
fn value(holds: Holds, value: &str, links: &PageLinks) -> Option<String> {
    match holds {
        Holds::Address => links.outward(value),
        Holds::Addresses => words(value, links),
        Holds::Images => images(value, links),
        Holds::Style => style(value, links),
        Holds::Content => links.outward(value).or_else(|| {
            let range = refresh::url_in(value)?;
            let translated = links.outward(value.get(range.clone())?)?;
            Some(format!("{}{translated}{}", value.get(..range.start)?, value.get(range.end..)?))
        }),
    }
}

/// Each word that is an address.
fn words(value: &str, links: &PageLinks) -> Option<String> {
    let mut changed = false;
    let mut translated = String::with_capacity(value.len());
    for part in value.split_inclusive(|c: char| c.is_ascii_whitespace()) {
        match links.outward(part) {
            Some(part) => {
                changed = true;
                translated.push_str(&part);
            }
            None => translated.push_str(part),
        }
    }
    changed.then_some(translated)
}

/// Each image candidate: an address up to white space, then what describes it up to a comma.
fn images(value: &str, links: &PageLinks) -> Option<String> {
    let mut changed = false;
    let mut translated = String::with_capacity(value.len());
    let mut rest = value;
    while !rest.is_empty() {
        let start = rest.find(|c: char| !c.is_ascii_whitespace() && c != ',').unwrap_or(rest.len());
        let (before, candidate) = rest.split_at_checked(start)?;
        let end = candidate.find(|c: char| c.is_ascii_whitespace()).unwrap_or(candidate.len());
        let (address, after) = candidate.split_at_checked(end)?;
        let (address, commas) = address.split_at_checked(address.trim_end_matches(',').len())?;
        translated.push_str(before);
        match links.outward(address) {
            Some(address) => {
                changed = true;
                translated.push_str(&address);
            }
            None => translated.push_str(address),
        }
        translated.push_str(commas);
        let described = if commas.is_empty() { after.find(',').unwrap_or(after.len()) } else { 0 };
        let (description, next) = after.split_at_checked(described)?;
        translated.push_str(description);
        rest = next;
    }
    changed.then_some(translated)
}

/// CSS in an attribute, where quotes may be written as references.
fn style(value: &str, links: &PageLinks) -> Option<String> {
    if !value.bytes().any(|byte| byte == b'(') {
        return None;
    }
    if !value.contains('&') {
        return CssTranslator::whole(links.clone(), value);
    }
    let quoted = value.replace("&quot;", "\"").replace("&#34;", "\"").replace("&apos;", "'").replace("&#39;", "'");
    CssTranslator::whole(links.clone(), &quoted)
}

/// The text of a style sheet comes in pieces; what is held back of one comes before the next.
fn translate_style(text: &mut TextChunk<'_>, sheet: &mut CssTranslator) {
    let mut out = Vec::with_capacity(text.as_str().len());
    sheet.feed(text.as_str().as_bytes(), &mut out);
    if text.last_in_text_node() {
        sheet.end(&mut out);
    }
    if out != text.as_str().as_bytes() {
        text.set_str(String::from_utf8_lossy(&out).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::links::tests::page_links;
    use super::*;

    fn in_parts(page: &str, size: usize) -> String {
        let mut translator = HtmlTranslator::new(page_links());
        let mut out = Vec::new();
        for part in page.as_bytes().chunks(size) {
            let mut some = Vec::new();
            translator.feed(part, &mut some);
            out.extend(some);
        }
        translator.end(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn translated(page: &str) -> String {
        in_parts(page, usize::MAX)
    }

    #[test]
    fn addresses_are_translated_in_every_attribute_that_holds_them() {
        for (page, expected) in [
            ("<a href='http://shop/x?a=1&amp;b=2'>", "<a href=\"https://shop.example/x?a=1&amp;b=2\">"),
            ("<A HREF=http://shop/x>", "<A HREF=\"https://shop.example/x\">"),
            ("<area href=\"//shop/x\">", "<area href=\"https://shop.example/x\">"),
            ("<audio src=\"http://shop/a\">", "<audio src=\"https://shop.example/a\">"),
            ("<base href=\"http://wiki:8080/app/\">", "<base href=\"https://wiki.example/team/\">"),
            ("<button formaction=\"/app/x\">", "<button formaction=\"/team/x\">"),
            ("<div data-src=\"http://shop/a\">", "<div data-src=\"https://shop.example/a\">"),
            ("<div data-background=\"http://shop/a\">", "<div data-background=\"https://shop.example/a\">"),
            ("<embed src=\"http://shop/a\">", "<embed src=\"https://shop.example/a\">"),
            ("<form action=\"http://wiki:8080/app/login\">", "<form action=\"https://wiki.example/team/login\">"),
            ("<frame src=\"http://shop/\">", "<frame src=\"https://shop.example/\">"),
            ("<head profile=\"http://shop/p\">", "<head profile=\"https://shop.example/p\">"),
            ("<html manifest=\"http://shop/m\">", "<html manifest=\"https://shop.example/m\">"),
            ("<iframe longdesc=\"http://shop/l\">", "<iframe longdesc=\"https://shop.example/l\">"),
            ("<img src=\"http://shop/i.png\">", "<img src=\"https://shop.example/i.png\">"),
            ("<input value=\"http://shop/\">", "<input value=\"https://shop.example/\">"),
            ("<link href=\"http://shop/s.css\">", "<link href=\"https://shop.example/s.css\">"),
            ("<menuitem icon=\"http://shop/i\">", "<menuitem icon=\"https://shop.example/i\">"),
            ("<meta content=\"http://shop/\">", "<meta content=\"https://shop.example/\">"),
            (
                "<meta http-equiv=refresh content=\"0; url='http://shop/'\">",
                "<meta http-equiv=refresh content=\"0; url='https://shop.example/'\">",
            ),
            ("<object data=\"http://shop/o\">", "<object data=\"https://shop.example/o\">"),
            (
                "<object archive=\"http://shop/a http://x/ http://shop/b\">",
                "<object archive=\"https://shop.example/a http://x/ https://shop.example/b\">",
            ),
            ("<script src=\"http://shop/s.js\">", "<script src=\"https://shop.example/s.js\">"),
            ("<source src=\"http://shop/s\">", "<source src=\"https://shop.example/s\">"),
            ("<track src=\"http://shop/t\">", "<track src=\"https://shop.example/t\">"),
            ("<video poster=\"http://shop/p\">", "<video poster=\"https://shop.example/p\">"),
            (
                "<svg><use xlink:href=\"http://shop/u\"/></svg>",
                "<svg><use xlink:href=\"https://shop.example/u\" /></svg>",
            ),
            ("<a ping=\"http://shop/1 /app/2\">", "<a ping=\"https://shop.example/1 /team/2\">"),
            (
                "<p style='background: url(\"http://shop/b.png\")'>",
                "<p style=\"background: url(&quot;https://shop.example/b.png&quot;)\">",
            ),
            (
                "<p style=\"background: url(&quot;http://shop/b.png&quot;)\">",
                "<p style=\"background: url(&quot;https://shop.example/b.png&quot;)\">",
            ),
        ] {
            assert_eq!(translated(page), expected);
        }
    }

    #[test]
    fn a_style_sheet_that_may_be_translated_is_not_held_to_its_digest() {
        for (page, expected) in [
            ("<link rel=stylesheet href='x.css' integrity='sha384-a'>", "<link rel=stylesheet href='x.css'>"),
            (
                "<link integrity=sha384-a rel='alternate StyleSheet' href=/app/x.css crossorigin>",
                "<link rel='alternate StyleSheet' href=\"/team/x.css\" crossorigin>",
            ),
            (
                "<base href='/app/'><link rel=preload as=style href='x.css' integrity='sha384-a'>",
                "<base href=\"/team/\"><link rel=preload as=style href='x.css'>",
            ),
            (
                "<base href='https://cdn.example/'><link rel=stylesheet href='//wiki:8080/app/x' integrity=a>",
                "<base href='https://cdn.example/'><link rel=stylesheet href=\"https://wiki.example/team/x\">",
            ),
        ] {
            assert_eq!(translated(page), expected);
        }
        for page in [
            "<link rel=stylesheet href='https://cdn.example/x.css' integrity='sha384-a'>",
            "<link rel=modulepreload href='x.js' integrity='sha384-a'>",
            "<link rel=preload as=script href='x.js' integrity='sha384-a'>",
            "<link rel=stylesheet integrity='sha384-a'>",
            "<script src='x.js' integrity='sha384-a'></script>",
            "<base href='https://cdn.example/'><base href='/other/'><link rel=stylesheet href='x.css' integrity='a'>",
        ] {
            assert_eq!(translated(page), page);
        }
    }

    #[test]
    fn each_image_of_a_set_is_translated() {
        for (set, expected) in [
            (
                "http://shop/a.png 1x, http://x/b.png 2x,http://shop/c,d.png 3x",
                "https://shop.example/a.png 1x, http://x/b.png 2x,https://shop.example/c,d.png 3x",
            ),
            ("http://shop/a.png, http://shop/b.png", "https://shop.example/a.png, https://shop.example/b.png"),
            (" ,, /app/a 100w", " ,, /team/a 100w"),
        ] {
            let page = format!("<img srcset=\"{set}\">");
            assert_eq!(translated(&page), format!("<img srcset=\"{expected}\">"));
        }
    }

    const PAGE: &str = "<!doctype html><html><head><style>@import \"http://shop/a.css\"; a { b: url(/app/c.png) }</style>\
        <style></style><style>d { e: url(http://elsewhere/) }</style></head><body class=x data-x='http://shop/'>\
        <!-- <a href='http://shop/'> --><script>var a = '<a href=\"http://shop/\">';</script>\
        http://shop/ &amp; <a class='y'  href=http://shop/z >\u{e4}</a><a href='http://elsewhere/'\n>x</a></body></html>";

    const EXPECTED: &str = "<!doctype html><html><head><style>@import \"https://shop.example/a.css\"; \
        a { b: url(/team/c.png) }</style>\
        <style></style><style>d { e: url(http://elsewhere/) }</style></head><body class=x data-x='http://shop/'>\
        <!-- <a href='http://shop/'> --><script>var a = '<a href=\"http://shop/\">';</script>\
        http://shop/ &amp; <a class='y' href=\"https://shop.example/z\">\u{e4}</a><a href='http://elsewhere/'\n>x</a></body></html>";

    #[test]
    fn what_is_not_a_link_stays_byte_for_byte() {
        assert_eq!(translated(PAGE), EXPECTED);
        let nothing = PAGE.replace("shop", "unknown").replace("/app/", "/other/");
        assert_eq!(translated(&nothing), nothing);
        for broken in ["", "<", "<a", "<a href='http://shop/", "<style>url(http://shop/", "<!--", "\u{fffd}<\u{0}a>"] {
            assert_eq!(translated(broken), broken);
        }
    }

    #[test]
    fn how_a_page_is_cut_into_parts_does_not_matter() {
        for size in 1..=PAGE.len() {
            assert_eq!(in_parts(PAGE, size), EXPECTED, "parts of {size}");
        }
    }

    #[test]
    fn a_tag_that_is_too_large_ends_the_translation_and_loses_nothing() {
        let data = "A".repeat(limits::HTML_MEMORY + 1);
        let page = format!("<a href='http://shop/'>1</a><img src='data:{data}'><a href='http://shop/'>2</a>");
        let expected =
            format!("<a href=\"https://shop.example/\">1</a><img src='data:{data}'><a href='http://shop/'>2</a>");
        assert_eq!(in_parts(&page, 16 * 1024), expected);
    }

    /// What `translator` passes on of a part after which nothing comes for a while.
    fn passed(translator: &mut HtmlTranslator, part: &str) -> String {
        let mut out = Vec::new();
        translator.feed(part.as_bytes(), &mut out);
        translator.hurry(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_page_that_grows_is_passed_on_at_once_however_long_it_does() {
        let mut translator = HtmlTranslator::new(page_links());
        let large = format!("<p>{}</p>", "x".repeat(4096));
        for event in 0..1000 {
            assert_eq!(passed(&mut translator, &large), large, "event {event}");
            for _ in 0..3 {
                assert_eq!(passed(&mut translator, "<i>y</i>"), "<i>y</i>", "event {event}");
            }
        }
    }

    #[test]
    fn what_follows_the_end_of_the_translation_is_passed_on_at_once() {
        let mut translator = HtmlTranslator::new(page_links());
        let tag = format!("<img src='data:{}", "A".repeat(16 * 1024));
        let mut out = passed(&mut translator, &tag);
        for _ in 0..limits::HTML_MEMORY / (64 * 1024) {
            out.push_str(&passed(&mut translator, &"A".repeat(64 * 1024)));
        }
        assert!(out.len() > limits::HTML_MEMORY, "the tag is too large, and passed on");
        for event in 0..1000 {
            assert_eq!(passed(&mut translator, "<i>y</i>"), "<i>y</i>", "event {event}");
        }
    }

    #[test]
    fn haste_does_not_have_a_large_tag_read_over_and_over() {
        let mut translator = HtmlTranslator::new(page_links());
        let (mut looked_at, mut pieces) = (0, 0);
        let _ = passed(&mut translator, "<img src='data:");
        while pieces < 64 * 1024 {
            let before = translator.held;
            pieces += passed(&mut translator, "A").len().max(1);
            looked_at += if translator.collected.is_empty() { before } else { 0 };
        }
        assert!(looked_at <= FIRST_CREDIT + 32 * pieces, "{looked_at} bytes for {pieces}");
    }

    #[test]
    fn small_pieces_of_a_large_tag_are_not_read_over_and_over() {
        let data = "A".repeat(200 * 1024);
        let page = format!("<img src='data:{data}'><a href='http://shop/'>");
        let mut translator = HtmlTranslator::new(page_links());
        let (mut out, mut handed_over) = (Vec::new(), 0);
        for byte in page.as_bytes() {
            let waiting = translator.collected.len();
            translator.feed(&[*byte], &mut out);
            handed_over += usize::from(translator.collected.is_empty() && waiting + 1 > 0);
        }
        translator.end(&mut out);
        assert!(handed_over < 1000, "{handed_over} times");
        assert!(String::from_utf8(out).unwrap().ends_with("<a href=\"https://shop.example/\">"));
    }
}
