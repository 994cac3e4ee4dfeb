//! The attributes of an element that hold addresses: which they are, in which form each holds them, and what becomes of
//! them.

use lol_html::html_content::{Attribute, Element};

use super::super::css::CssTranslator;
use super::super::links::PageLinks;
use super::super::refresh;

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

/// Translates the attributes of one element. `base` is where the page's `<base>` leads, once it was read: only the
/// first one counts.
pub(super) fn translate(element: &mut Element<'_, '_>, links: &PageLinks, base: &mut Option<Base>) {
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
    let translated = |attribute: &Attribute<'_>| {
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
pub(super) enum Base {
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

#[cfg(test)]
mod tests {
    use super::super::super::links::tests::pages_at_the_root;
    use super::super::HtmlTranslator;
    use super::super::tests::translated;

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
    fn a_link_below_a_prefix_that_goes_never_leads_to_another_host() {
        for below in ["/evil.example/", "\\evil.example/", "\n/evil.example/", "&#x2F;evil.example/"] {
            let (mut translator, mut out) = (HtmlTranslator::new(pages_at_the_root()), Vec::new());
            translator.feed(format!("<a href=\"/app/{below}\">").as_bytes(), &mut out);
            translator.end(&mut out);
            let expected = format!("<a href=\"https://wiki.example/{below}\">");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
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
}
