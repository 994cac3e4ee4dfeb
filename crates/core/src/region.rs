//! The region a connector group is placed in. It says where the group's gateways should be; with one gateway it is a
//! label that is kept and returned.

use serde::{Deserialize, Serialize};

/// A region of contract section 1.3, and `japan`, which live tenants return (section 8, point 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// North America.
    Nam,
    /// Europe.
    Eur,
    /// Australia.
    Aus,
    /// Asia.
    Asia,
    /// India.
    Ind,
    /// Japan.
    Japan,
}

impl Region {
    /// Every region, in the order of the schema.
    pub const ALL: [Self; 6] = [Self::Nam, Self::Eur, Self::Aus, Self::Asia, Self::Ind, Self::Japan];

    /// The word by which it is stored and written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nam => "nam",
            Self::Eur => "eur",
            Self::Aus => "aus",
            Self::Asia => "asia",
            Self::Ind => "ind",
            Self::Japan => "japan",
        }
    }

    /// Finds the region of that word, without regard to case.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.as_str().eq_ignore_ascii_case(word))
    }
}
