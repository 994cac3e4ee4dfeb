//! Links in HTML: in attributes, which are looked at in `attribute`, and in `<style>`.
//!
//! The page passes through a streaming parser with bounded memory. A tag that does not fit into it ends the translation:
//! what was read and all that follows is passed on as it is. Tags without a link to translate are not written anew.
//!
//! What has come is passed on at once, but for a tag that is not finished: pages that grow while they are read do so here
//! as well.

mod attribute;

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::html_content::{ContentType, TextChunk};
use lol_html::{HtmlRewriter, MemorySettings, OutputSink, Settings, element, text};

use super::css::CssTranslator;
use super::links::PageLinks;
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
                attribute::translate(element, &links, &mut base);
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
pub(super) mod tests {
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

    pub(super) fn translated(page: &str) -> String {
        in_parts(page, usize::MAX)
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
            translator.feed(&[*byte], &mut out);
            handed_over += usize::from(translator.collected.is_empty());
        }
        translator.end(&mut out);
        assert!(handed_over < 1000, "{handed_over} times");
        assert!(String::from_utf8(out).unwrap().ends_with("<a href=\"https://shop.example/\">"));
    }
}
