//! `Content-Length` in hundreds of spellings: plain digits, once, or a refusal.

use crate::site::{Fate, SMUGGLED, Site, post};

/// Around the digits, which stand for `#`.
const VALUES: &[&str] = &[
    "+#",
    "-#",
    "--#",
    "++#",
    "+ #",
    "0x#",
    "0X#",
    "#h",
    "0#",
    "00#",
    "000000000000000000000000000000#",
    "0o#",
    "0b#",
    "#.0",
    "#.",
    ".#",
    "#e0",
    "#E0",
    "#_0",
    "_#",
    "#_",
    "#,#",
    "#, #",
    "#,",
    ",#",
    "#;#",
    "#;",
    "#; a=b",
    "# #",
    "#\u{b}",
    "\u{b}#",
    "#\u{c}",
    "#\0",
    "\0#",
    "'#'",
    "\"#\"",
    "(#)",
    "[#]",
    "#-",
    "#+",
    "#/1",
    "#*1",
    "#%20",
    "%#",
    "#a",
    "a#",
    "#\u{661}",
    "\u{665}",
    "\u{ff15}",
    "\u{6f5}",
    "\u{b2}",
    "",
    " ",
    "\t",
    "five",
    "NaN",
    "Infinity",
    "null",
    "true",
    "-0",
    "+0",
    "0x0",
    "- #",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709551621",
    "99999999999999999999999999",
    "4294967296000000000000",
    "#\r",
    "\r#",
    "#\n",
    "\n#",
    "#\r\n ,#",
    "\r\n #",
    "#\r #",
    "#\u{a0}",
    "\u{feff}#",
    "#\u{7f}",
    "#\u{1}",
    "#=#",
    "#:#",
    ":#",
    "#\r\nContent-Length: #",
    "#\r\nContent-Length: 0",
    "0\r\nContent-Length: #",
    "#\r\ncontent-length:",
    "#\r\nContent_Length: 0",
    "#\r\nContent-Length : 0",
    "#\r\nTransfer-Encoding: chunked",
    "#\r\nTransfer-Encoding: identity",
    "#\r\nTransfer-Encoding:",
    "#\r\nTransfer_Encoding: chunked",
    "#\r\nTransfer-Encoding: xchunked",
    "#\r\n Transfer-Encoding: chunked",
];

const NAMES: &[&[u8]] = &[
    b"Content_Length",
    b"CONTENT_LENGTH",
    b"Content.Length",
    b"Content~Length",
    b"Content-Length ",
    b"Content-Length\t",
    b" Content-Length",
    b"\tContent-Length",
    b"Content-Length\0",
    b"\0Content-Length",
    b"Content-Length\x0b",
    b"Content Length",
    b"Content-Length\r",
    b"\rContent-Length",
    b"\nContent-Length",
    b"X: y\nContent-Length",
    b"X: y\rContent-Length",
    b"\xef\xbb\xbfContent-Length",
    b"Content\xe2\x80\x90Length",
    b"Content-\xe2\x84\x93ength",
    b"\"Content-Length\"",
];

/// Names that mean something else.
const OTHERS: &[&[u8]] =
    &[b"Content-Lengthx", b"X-Content-Length", b"ContentLength", b"Content--Length", b"Content-Lengt"];

const GAPS: &[&str] = &[":", ": ", ":\t", ":  \t ", " :", "\t:", ":\u{b}", "=", "::", ":\r\n ", ":\n", ":\r", ":\0"];

#[test]
fn a_content_length_is_plain_digits_once_or_refused() {
    let mut site = Site::start();
    // Whoever took the body for a request would refuse this start, or ask for what follows it.
    let body = format!("(={SMUGGLED}");
    let length = body.len();
    let mut count = 0;
    let mut demand = |lines: &[u8], fates: &[Fate]| {
        count += 1;
        site.demand("a Content-Length line", &post(lines, body.as_bytes()), fates)
    };
    for value in VALUES.iter().map(|value| value.replace('#', &length.to_string())) {
        for gap in [": ", ":", ":\t"] {
            demand(format!("Content-Length{gap}{value}\r\n").as_bytes(), &[Fate::Refused]);
            demand(format!("X: y\r\ncontent-length{gap}{value}\r\nY: z\r\n").as_bytes(), &[Fate::Refused]);
        }
    }
    for name in NAMES {
        let line = [name, format!(": {length}\r\n").as_bytes()].concat();
        demand(&line, &[Fate::Refused]);
        demand(&[b"Content-Length: 0\r\n", line.as_slice()].concat(), &[Fate::Refused]);
        demand(&[line.as_slice(), b"Content-Length: 0\r\n"].concat(), &[Fate::Refused]);
    }
    for name in OTHERS {
        demand(&[name, format!(": {length}\r\n").as_bytes()].concat(), &[Fate::Bodiless]);
    }
    let served = Fate::Served(length as u64);
    for (place, gap) in GAPS.iter().enumerate() {
        let fate = if place < 4 { served } else { Fate::Refused };
        demand(format!("Content-Length{gap}{length}\r\n").as_bytes(), &[fate]);
        demand(format!("CONTENT-LENGTH{gap}{length} \t\r\n").as_bytes(), &[fate]);
    }
    println!("{count} cases");
    assert!(count > 500, "{count} cases");
    site.is_well();
}
