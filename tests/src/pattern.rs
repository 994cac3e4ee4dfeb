//! A long body that needs no memory: bytes that follow from their position, and a running checksum to compare.
//!
//! Both cost little even in an unoptimised build, so that gigabytes can be compared.

use std::sync::OnceLock;

use aws_lc_rs::digest::{Context, SHA256};

/// After so many bytes the pattern starts again: a prime, so that a lost, doubled or exchanged buffer shows.
const PERIOD: usize = 65_521;

/// The checksum of bytes seen so far (SHA-256): order matters, nothing is kept.
#[derive(Clone)]
pub struct Checksum(Context);

impl Default for Checksum {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Checksum {
    /// Takes in more bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.clone().finish().as_ref().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for Checksum {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// Bytes that look random and are the same each time (xorshift); `length` is cut to whole words of 8 bytes.
#[must_use]
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(length / 8).flatten().collect()
}

/// Fills `buffer` with the bytes of the pattern from `position` on.
pub fn fill(buffer: &mut [u8], position: usize) {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let noise = NOISE.get_or_init(|| noise(PERIOD.next_multiple_of(8), 1));
    let mut filled = 0;
    while filled < buffer.len() {
        let from = (position + filled) % PERIOD;
        let size = (PERIOD - from).min(buffer.len() - filled);
        buffer[filled..filled + size].copy_from_slice(&noise[from..from + size]);
        filled += size;
    }
}

/// Gives the first `length` bytes of the pattern, part after part, to `take` until that fails.
///
/// # Errors
/// The error of `take`.
pub fn give<E>(length: usize, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut buffer = vec![0; 64 * 1024];
    let mut position = 0;
    while position < length {
        let size = buffer.len().min(length - position);
        fill(&mut buffer[..size], position);
        take(&buffer[..size])?;
        position += size;
    }
    Ok(())
}

/// The checksum of the first `length` bytes of the pattern.
#[must_use]
pub fn checksum_of(length: usize) -> Checksum {
    let mut sum = Checksum::default();
    let Ok(()) = give(length, |part| {
        sum.add(part);
        Ok::<(), std::convert::Infallible>(())
    });
    sum
}

#[cfg(test)]
mod tests {
    use super::{PERIOD, fill};

    #[test]
    fn a_byte_follows_from_its_position_wherever_filling_starts() {
        let mut whole = vec![0; 3 * PERIOD];
        fill(&mut whole, 0);
        let mut part = vec![0; PERIOD + 100];
        fill(&mut part, PERIOD - 50);
        assert_eq!(part, whole[PERIOD - 50..2 * PERIOD + 50]);
        assert_ne!(whole[..PERIOD - 1], whole[1..PERIOD]);
    }
}
