//! Where one frame of a WebSocket ends and the next begins (RFC 6455, section 5.2): only there can something be said in
//! between. Payloads are not looked at, and what is no WebSocket's is never an error here.

/// What stands between the length and the payload of a frame that is masked.
const MASK: u64 = 4;

/// The frames of one direction, as far as they have passed.
#[derive(Debug, Default)]
pub(super) struct Frames {
    at: At,
    closes: bool,
}

/// The place in a frame.
#[derive(Debug, Default)]
enum At {
    #[default]
    Start,
    /// Its first byte has passed.
    ShortLength,
    /// So many bytes of a longer length are to come.
    LongLength { left: u8, mask: u64, length: u64 },
    /// So many bytes of the mask and the payload are to come.
    Payload(u64),
}

impl Frames {
    /// Takes in the bytes that follow; after how many of them the last frame ends, if one does.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let (mut rest, mut end) = (bytes, None);
        while let Some((first, others)) = rest.split_first() {
            rest = match self.at {
                At::Payload(left) => {
                    let passed = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    self.at = At::payload(left - passed as u64);
                    rest.get(passed..).unwrap_or_default()
                }
                _ => {
                    self.pass_head(*first);
                    others
                }
            };
            if self.is_between() {
                end = Some(bytes.len() - rest.len());
            }
        }
        end
    }

    /// Whether the last frame is complete, and no other has begun.
    pub(super) const fn is_between(&self) -> bool {
        matches!(self.at, At::Start)
    }

    /// Whether a closing frame has passed, or a part of it: nothing may follow that one.
    pub(super) const fn closes(&self) -> bool {
        self.closes
    }

    fn pass_head(&mut self, byte: u8) {
        self.at = match self.at {
            At::Start => {
                self.closes |= byte & 0x0f == 8;
                At::ShortLength
            }
            At::ShortLength => {
                let mask = if byte & 0x80 == 0 { 0 } else { MASK };
                match byte & 0x7f {
                    126 => At::LongLength { left: 2, mask, length: 0 },
                    127 => At::LongLength { left: 8, mask, length: 0 },
                    short => At::payload(u64::from(short) + mask),
                }
            }
            At::LongLength { left, mask, length } => {
                let length = length << 8 | u64::from(byte);
                match left {
                    ..=1 => At::payload(length.saturating_add(mask)),
                    _ => At::LongLength { left: left - 1, mask, length },
                }
            }
            At::Payload(left) => At::payload(left.saturating_sub(1)),
        };
    }
}

impl At {
    const fn payload(left: u64) -> Self {
        if left == 0 { Self::Start } else { Self::Payload(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, masked: bool, length: usize) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match length {
            ..126 => frame.push(mask | length as u8),
            126..=0xffff => frame.extend([&[mask | 126][..], &(length as u16).to_be_bytes()].concat()),
            _ => frame.extend([&[mask | 127][..], &(length as u64).to_be_bytes()].concat()),
        }
        frame.resize(frame.len() + length + if masked { 4 } else { 0 }, 0x88);
        frame
    }

    #[test]
    fn the_end_of_each_frame_is_found_however_the_bytes_come() {
        for masked in [false, true] {
            let frames: Vec<Vec<u8>> =
                [0, 1, 125, 126, 127, 65_535, 65_536].map(|length| frame(0x82, masked, length)).into();
            let (all, mut ends) = (frames.concat(), Vec::new());
            for frame in &frames {
                ends.push(ends.last().unwrap_or(&0) + frame.len());
            }
            for size in [1, 2, 3, 7, 1000, all.len()] {
                let (mut state, mut position, mut found) = (Frames::default(), 0, Vec::new());
                for part in all.chunks(size) {
                    found.extend(state.pass(part).map(|end| position + end));
                    position += part.len();
                }
                let last_of_each_part: Vec<usize> = ends
                    .iter()
                    .enumerate()
                    .filter(|(index, end)| {
                        ends.get(index + 1).is_none_or(|next| (next - 1) / size != (*end - 1) / size)
                    })
                    .map(|(_, end)| *end)
                    .collect();
                assert_eq!(found, last_of_each_part, "in parts of {size}");
                assert!(state.is_between() && !state.closes());
            }
        }
    }

    #[test]
    fn a_closing_frame_is_noticed_from_its_first_byte_on() {
        let mut frames = Frames::default();
        frames.pass(&frame(0x81, false, 3));
        assert!(!frames.closes(), "its payload has bytes that look like the start of one");
        assert_eq!(frames.pass(&[0x88]), None);
        assert!(frames.closes() && !frames.is_between());
    }

    #[test]
    fn a_length_that_no_frame_has_is_only_never_over() {
        let mut frames = Frames::default();
        assert_eq!(frames.pass(&[0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255]), None);
        assert_eq!(frames.pass(&[0; 100]), None);
    }
}
