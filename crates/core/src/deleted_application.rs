//! An application that was deleted and can still be restored.
//!
//! It is unpublished for users at once, and its URLs are free for others; what it was stays readable until it is
//! restored, purged, or its time is over.

use jiff::{SignedDuration, Timestamp};

use crate::application::Application;

/// How long a deleted application can be restored: what the directory behind Graph allows.
pub const RESTORABLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A deleted application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedApplication {
    /// What it was. Its revision is that of its deletion.
    pub application: Application,
    /// When it was deleted.
    pub deleted: Timestamp,
}

impl DeletedApplication {
    /// Whether the time to restore it is over at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.deleted) >= RESTORABLE
    }
}

/// Everything that was deleted at or before this moment is purged at `now`.
#[must_use]
pub fn purged_until(now: Timestamp) -> Timestamp {
    now.checked_sub(RESTORABLE).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::tests::application;

    #[test]
    fn a_deleted_application_can_be_restored_for_thirty_days() {
        let deleted: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let wiki = DeletedApplication { application: application(1), deleted };
        assert!(!wiki.is_over("2026-01-30T23:59:59Z".parse().unwrap()));
        assert!(wiki.is_over("2026-01-31T00:00:00Z".parse().unwrap()));
        assert_eq!(purged_until("2026-01-31T00:00:00Z".parse().unwrap()), deleted);
    }
}
