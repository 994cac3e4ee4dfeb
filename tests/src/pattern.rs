//! A long body that needs no memory: bytes that follow from their position, and a running checksum to compare.

/// The checksum of bytes seen so far (FNV-1a, 64 bits): order matters, nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum(u64);

impl Default for Checksum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Checksum {
    /// Takes in more bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Fills `buffer` with the bytes of the pattern from `position` on; its period is not a power of two, so that a
/// lost or doubled buffer shows.
pub fn fill(buffer: &mut [u8], position: usize) {
    for (offset, byte) in buffer.iter_mut().enumerate() {
        *byte = u8::try_from((position + offset) % 251).unwrap_or_default();
    }
}

/// The checksum of the first `length` bytes of the pattern.
#[must_use]
pub fn checksum_of(length: usize) -> Checksum {
    let mut sum = Checksum::default();
    let mut buffer = vec![0; 64 * 1024];
    let mut position = 0;
    while position < length {
        let size = buffer.len().min(length - position);
        fill(&mut buffer[..size], position);
        sum.add(&buffer[..size]);
        position += size;
    }
    sum
}
