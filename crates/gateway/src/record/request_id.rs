//! Request ids: UUIDs of version 7 (RFC 9562), so that they sort by the time of their request.
//!
//! Made without a system call: the time is the recorder's, the random part is of a generator that was seeded by the
//! system once for each core. An id names a request and gives no right to anything, so it need not be unguessable.

use bytes::BytesMut;
use fastrand::Rng;
use http::HeaderValue;
use uuid::{Builder, Uuid};

/// How many bytes of fields are allocated at once: more than a hundred ids.
const ARENA: usize = 4096;

/// Names one request, in the gateway's answer, in the record, and to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RequestId(Uuid);

impl RequestId {
    /// The id itself.
    pub(crate) const fn uuid(self) -> Uuid {
        self.0
    }

    /// The id as text in `buffer`.
    pub(crate) fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Makes the ids of one core.
#[derive(Debug)]
pub(crate) struct RequestIds {
    random: Rng,
    /// Fields' values share allocations: one for each would be the dearest part of an id.
    arena: BytesMut,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        // The generator's own seed is of the clock and the thread; that of a version 4 UUID is of the system.
        let seed = Uuid::new_v4().as_u64_pair().0;
        Self { random: Rng::with_seed(seed), arena: BytesMut::with_capacity(ARENA) }
    }

    /// A new id for a request at `unix_millis`.
    pub(crate) fn next(&mut self, unix_millis: u64) -> RequestId {
        let mut random = [0; 10];
        let (high, low) = random.split_at_mut(2);
        high.copy_from_slice(&self.random.u16(..).to_le_bytes());
        low.copy_from_slice(&self.random.u64(..).to_le_bytes());
        RequestId(Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
    }

    /// `id` as a field's value.
    pub(crate) fn value_of(&mut self, id: RequestId) -> HeaderValue {
        let mut buffer = [0; 36];
        self.arena.extend_from_slice(id.encode(&mut buffer).as_bytes());
        // Digits and hyphens are always a value.
        HeaderValue::from_maybe_shared(self.arena.split().freeze()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_carry_the_time_and_differ() {
        let mut ids = RequestIds::new();
        let made: std::collections::HashSet<String> =
            (0..1000).map(|_| ids.next(1_700_000_000_123).to_string()).collect();
        assert_eq!(made.len(), 1000);
        for id in &made {
            let id = Uuid::parse_str(id).unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
            assert_eq!((seconds, nanos), (1_700_000_000, 123_000_000));
        }
    }

    #[test]
    fn a_value_is_the_id_also_when_an_allocation_is_used_up() {
        let mut ids = RequestIds::new();
        for millis in 0..500 {
            let id = ids.next(millis);
            assert_eq!(ids.value_of(id).to_str().unwrap(), id.to_string());
        }
    }
}
