//! What `strace` wrote down, as what happened to files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Something that a process did, at the moment when the system had done it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A file was opened, and made if it was not there.
    Opened(PathBuf),
    /// Bytes were written at an offset.
    Written(PathBuf, usize, Vec<u8>),
    Cut(PathBuf, usize),
    /// What was written to a file is on the disk.
    Synced(PathBuf),
    Removed(PathBuf),
    /// A line was said to whoever started the process.
    Said(String),
}

/// The events below `folder`, and what was said.
pub(super) fn read(trace: &str, folder: &Path) -> Vec<Event> {
    let (mut files, mut begun, mut events) = (HashMap::new(), HashMap::new(), Vec::new());
    for line in trace.lines() {
        let (process, call) = line.split_once(char::is_whitespace).expect("a process and its call");
        let call = call.trim_start();
        let whole = if let Some(call) = call.strip_suffix("<unfinished ...>") {
            begun.insert(process.to_owned(), call.to_owned());
            continue;
        } else if let Some((_, rest)) = call.strip_prefix("<... ").and_then(|call| call.split_once(" resumed>")) {
            begun.remove(process).expect("the beginning of a call") + rest
        } else {
            call.to_owned()
        };
        events.extend(event(&whole, folder, &mut files));
    }
    events
}

/// A call that succeeded; `files` are those that are open.
fn event(call: &str, folder: &Path, files: &mut HashMap<String, PathBuf>) -> Option<Event> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let result = result.split_whitespace().next()?;
    if result.starts_with(['-', '?']) {
        return None;
    }
    let arguments: Vec<&str> = arguments.trim_end().trim_end_matches(')').split(", ").map(str::trim).collect();
    let number = |at: usize| arguments.get(at)?.parse::<usize>().ok();
    let text = |at: usize| arguments.get(at).map(|text| bytes(text));
    let path = |at| Some(PathBuf::from(String::from_utf8(text(at)?).ok()?)).filter(|path| path.starts_with(folder));
    let file = files.get(*arguments.first()?).cloned();
    match name {
        "openat" => {
            // A number is used again once it was closed.
            files.remove(result);
            let path = path(1).filter(|path| *path != folder)?;
            files.insert(result.to_owned(), path.clone());
            Some(Event::Opened(path))
        }
        "close" => {
            files.remove(*arguments.first()?);
            None
        }
        "write" if arguments.first() == Some(&"1") => Some(Event::Said(String::from_utf8(text(1)?).ok()?)),
        "write" => {
            assert_eq!(file, None, "a write that does not say where");
            None
        }
        "pwrite64" => {
            let written = text(1)?;
            assert_eq!(result.parse(), Ok(written.len()), "a part of it was written, or of it was written down");
            Some(Event::Written(file?, number(3)?, written))
        }
        "ftruncate" => Some(Event::Cut(file?, number(1)?)),
        "fsync" | "fdatasync" => Some(Event::Synced(file?)),
        "unlink" => Some(Event::Removed(path(0)?)),
        _ => None,
    }
}

/// `"\x61\x62"` as bytes.
fn bytes(text: &str) -> Vec<u8> {
    let digits = text.trim_matches('"').split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).expect("two digits")).collect()
}

#[test]
fn calls_are_read_in_the_order_in_which_they_ended() {
    let name: String = "/d/a".bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    let trace = format!(
        "7 openat(AT_FDCWD, \"{name}\", O_RDWR|O_CREAT, 0600) = 3\n\
         7 pwrite64(3, \"\\x01\\x02\", 2, 512 <unfinished ...>\n\
         8 write(1, \"\\x6f\\x6b\\x0a\", 3) = 3\n\
         7 <... pwrite64 resumed>) = 2\n\
         7 fdatasync(3) = 0\n\
         7 ftruncate(3, 9) = -1 EINVAL (Invalid argument)\n\
         7 close(3) = 0\n\
         7 fdatasync(3) = 0\n"
    );
    let file = PathBuf::from("/d/a");
    let expected = [
        Event::Opened(file.clone()),
        Event::Said("ok\n".to_owned()),
        Event::Written(file.clone(), 512, vec![1, 2]),
        Event::Synced(file),
    ];
    assert_eq!(read(&trace, Path::new("/d")), expected);
}
