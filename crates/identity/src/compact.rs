//! The bytes inside sealed values: numbers and texts one after another, as few as possible.
//!
//! A length is two bytes. Reading never goes past the end, and what is left over is an error, so that a value has one
//! reading.

/// The bytes are not what was expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Puts values behind each other.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    /// How many things follow; more than fit are a mistake of the caller's, whose limits are far lower.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.bytes(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes())
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.count(text.len()).bytes(text.as_bytes())
    }

    /// A text that may be missing; an empty one is as good as none.
    pub(crate) fn optional(&mut self, text: Option<&str>) -> &mut Self {
        self.text(text.unwrap_or_default())
    }

    pub(crate) fn done(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Takes values off the front.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        self.bytes(N)?.try_into().map_err(|_| Unreadable)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn count(&mut self) -> Result<usize, Unreadable> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    pub(crate) fn text(&mut self) -> Result<String, Unreadable> {
        let length = self.count()?;
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Unreadable)
    }

    pub(crate) fn optional(&mut self) -> Result<Option<String>, Unreadable> {
        self.text().map(|text| (!text.is_empty()).then_some(text))
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Unreadable> {
        if self.0.is_empty() { Ok(()) } else { Err(Unreadable) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let mut writer = Writer::default();
        let bytes = writer.byte(7).number(1 << 40).text("ada").optional(None).count(3).done();
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let read = (reader.byte()?, reader.number()?, reader.text()?, reader.optional()?, reader.count()?);
            reader.end().map(|()| read)
        };
        assert_eq!(read(&bytes), Ok((7, 1 << 40, "ada".to_owned(), None, 3)));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Err(Unreadable), "cut at {end}");
        }
        assert_eq!(read(&[&bytes[..], &[0]].concat()), Err(Unreadable), "something is left");
        assert_eq!(Reader::new(&[0, 1, 0xff]).text(), Err(Unreadable), "no UTF-8");
    }
}
