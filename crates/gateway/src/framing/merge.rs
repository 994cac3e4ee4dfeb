//! Small chunks of an upstream's body, merged: an upstream that writes event by event makes a chunk of each.
//!
//! The HTTP library hands each chunk on by itself, from task to task, and writes it as one. Where a read brought many,
//! they are made one before the library sees them. Where chunks begin and end has no meaning (RFC 9112, section 7.1),
//! nor have extensions, which end at each hop (section 7.1.1).
//!
//! Invariant: nothing waits for more; what a read brought is handed on after it.

/// Merges the complete chunks in `bytes`, which were found to be well formed; `lead` bytes at the start belong to a chunk
/// that began earlier. Gives how many bytes are left, from the start on.
pub(super) fn merge(bytes: &mut [u8], lead: usize) -> usize {
    let Some(run) = Run::find(bytes, lead) else { return bytes.len() };
    let header = format!("{:x}\r\n", run.data.len());
    let merged_end = lead + header.len() + run.data.len() + 2;
    // Two chunks have two headers and two ends: one has always room in their place.
    let Some(place) = bytes.get_mut(lead..merged_end).filter(|_| merged_end <= run.end) else { return bytes.len() };
    for (byte, new) in place.iter_mut().zip(header.bytes().chain(run.data).chain(*b"\r\n")) {
        *byte = new;
    }
    let whole = bytes.len();
    bytes.copy_within(run.end..whole, merged_end);
    merged_end + whole - run.end
}

/// At least two complete chunks, one after the other.
struct Run {
    data: Vec<u8>,
    /// Where the last one ends.
    end: usize,
}

impl Run {
    fn find(bytes: &[u8], lead: usize) -> Option<Self> {
        let first = Chunk::at(bytes, lead)?;
        let mut chunk = Chunk::at(bytes, first.end)?;
        let mut data = Vec::with_capacity(bytes.len().saturating_sub(lead));
        data.extend_from_slice(first.data);
        loop {
            data.extend_from_slice(chunk.data);
            match Chunk::at(bytes, chunk.end) {
                Some(next) => chunk = next,
                None => return Some(Self { data, end: chunk.end }),
            }
        }
    }
}

/// A chunk that is not the last.
struct Chunk<'b> {
    data: &'b [u8],
    end: usize,
}

impl<'b> Chunk<'b> {
    /// The chunk that begins at `start`, if all of it is there.
    fn at(bytes: &'b [u8], start: usize) -> Option<Self> {
        let rest = bytes.get(start..)?;
        let digits = rest.iter().position(|byte| !byte.is_ascii_hexdigit())?;
        let size = std::str::from_utf8(rest.get(..digits)?).ok()?;
        let size = usize::from_str_radix(size, 16).ok().filter(|size| *size > 0)?;
        let data_start = digits + rest.get(digits..)?.iter().position(|byte| *byte == b'\n')? + 1;
        let data_end = data_start.checked_add(size)?;
        let end = data_end.checked_add(2).filter(|end| *end <= rest.len())?;
        Some(Self { data: rest.get(data_start..data_end)?, end: start.checked_add(end)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(bytes: &[u8], lead: usize) -> String {
        let mut bytes = bytes.to_vec();
        let left = merge(&mut bytes, lead);
        String::from_utf8(bytes[..left].to_vec()).unwrap()
    }

    #[test]
    fn complete_chunks_become_one_and_the_rest_stays() {
        assert_eq!(merged(b"3\r\nabc\r\n2\r\nde\r\n", 0), "5\r\nabcde\r\n");
        assert_eq!(merged(b"c\r\n3\r\nabc\r\n2;x=y\r\nde\r\n4\r\nfg", 3), "c\r\n5\r\nabcde\r\n4\r\nfg");
        assert_eq!(merged(b"0001\r\na\r\n1\r\nb\r\n0\r\n\r\n", 0), "2\r\nab\r\n0\r\n\r\n");
        let many = b"1\r\nx\r\n".repeat(300);
        assert_eq!(merged(&many, 0), format!("12c\r\n{}\r\n", "x".repeat(300)));
    }

    #[test]
    fn what_is_not_two_complete_chunks_is_left_as_it_is() {
        for bytes in [
            "",
            "3\r\nabc\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "3\r\nabc\r\n2\r\nde",
            "3\r\nabc\r\n2\r\nde\r",
            "3",
            "3\r",
            "\r\n",
        ] {
            assert_eq!(merged(bytes.as_bytes(), 0), bytes);
        }
        assert_eq!(merged(b"ab\r\n", 9), "ab\r\n", "the lead goes beyond");
    }
}
