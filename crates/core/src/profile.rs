//! What is set for the whole directory: whether it is enabled, and when connectors may update themselves. There is one.

use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use crate::revision::Revision;

/// The settings of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSettings {
    /// Whether publishing is enabled at all.
    pub is_enabled: bool,
    /// Whether default access is enabled.
    pub is_default_access_enabled: bool,
    /// When connectors may update themselves.
    pub updater: UpdaterSettings,
    /// The revision of its last change.
    pub revision: Revision,
}

/// When connectors may update themselves: an override stands over the moment, the moment over the daily window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdaterSettings {
    /// Whether an urgent update may come at any time.
    pub allow_override: bool,
    /// Not before this moment.
    pub defer_until: Option<Timestamp>,
    /// Only between these times of day.
    pub window: Option<UpdateWindow>,
}

/// A part of every day, in UTC; one that ends before it starts goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateWindow {
    /// When it starts.
    pub start: Time,
    /// When it ends.
    pub end: Time,
}
