//! Where in its history a directory is: (epoch, revision). Each command that changes the directory takes the next
//! revision; a restore from a backup starts a new epoch. What a gateway serves never goes back in this order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Counts the commands that changed the directory; gap-free and in commit order. Also the basis of an entity's ETag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// Counts the restores of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
