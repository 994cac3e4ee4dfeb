//! A connector group: connectors that serve the same applications.
//!
//! Rules (contract section 8, points 5, 7 and 8): names are unique without case; exactly one group is the default and
//! it is never deleted; a group is deleted only when nothing is in it; its region changes only while nothing is in it.

use crate::id::ConnectorGroupId;
use crate::name::DisplayName;
use crate::region::Region;
use crate::revision::Revision;

/// Whether a group is the one that new connectors and applications start in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// The one group that always exists.
    Default,
    /// Made by an administrator.
    Ordinary,
}

/// A connector group as the directory knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorGroup {
    /// Its id.
    pub id: ConnectorGroupId,
    /// Its name, unique without case.
    pub name: DisplayName,
    /// Where it is; `None` means no particular place.
    pub region: Option<Region>,
    /// Default or ordinary.
    pub kind: GroupKind,
    /// The revision of its last change.
    pub revision: Revision,
}

/// What a group holds: the names, so that a refusal can say what is in the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupContents {
    /// Machine names of its connectors.
    pub connectors: Vec<String>,
    /// Names of its applications.
    pub applications: Vec<String>,
}

impl GroupContents {
    /// Whether nothing is in the group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connectors.is_empty() && self.applications.is_empty()
    }

    /// Counts and names the contents, at most five of each: `2 connectors (a, b) and 1 application (Wiki)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let parts: Vec<String> = [("connector", &self.connectors), ("application", &self.applications)]
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(noun, names)| {
                let plural = if names.len() == 1 { "" } else { "s" };
                let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
                let more = if names.len() > 5 { ", ..." } else { "" };
                format!("{} {noun}{plural} ({}{more})", names.len(), shown.join(", "))
            })
            .collect();
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(" and ") }
    }
}

/// Why a group cannot be deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupNotDeletable {
    /// It is the default group.
    #[error("the default connector group cannot be deleted")]
    IsDefault,
    /// Something is in it.
    #[error("connector group '{name}' cannot be deleted: it contains {}; move them to another group first", contents.describe())]
    InUse {
        /// The group's name.
        name: DisplayName,
        /// What is in it.
        contents: GroupContents,
    },
}

/// A region cannot change while something is in the group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the region of connector group '{name}' can change only while it is empty: it contains {}", contents.describe())]
pub struct RegionFixed {
    /// The group's name.
    pub name: DisplayName,
    /// What is in it.
    pub contents: GroupContents,
}

impl ConnectorGroup {
    /// Whether this is the default group.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.kind == GroupKind::Default
    }

    /// Checks that the group may be deleted.
    ///
    /// # Errors
    /// [`GroupNotDeletable`] for the default group and for one that still holds something.
    pub fn check_deletable(&self, contents: &GroupContents) -> Result<(), GroupNotDeletable> {
        if self.is_default() {
            return Err(GroupNotDeletable::IsDefault);
        }
        if !contents.is_empty() {
            return Err(GroupNotDeletable::InUse { name: self.name.clone(), contents: contents.clone() });
        }
        Ok(())
    }

    /// Sets the region. Setting the region it has is always allowed.
    ///
    /// # Errors
    /// [`RegionFixed`] when the region would change and something is in the group.
    pub fn place(&mut self, region: Option<Region>, contents: &GroupContents) -> Result<(), RegionFixed> {
        if region != self.region && !contents.is_empty() {
            return Err(RegionFixed { name: self.name.clone(), contents: contents.clone() });
        }
        self.region = region;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(kind: GroupKind) -> ConnectorGroup {
        ConnectorGroup {
            id: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
            name: DisplayName::parse("Berlin").unwrap(),
            region: None,
            kind,
            revision: Revision(1),
        }
    }

    fn holding(connectors: &[&str], applications: &[&str]) -> GroupContents {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        GroupContents { connectors: owned(connectors), applications: owned(applications) }
    }

    #[test]
    fn deleting_the_default_group_is_refused() {
        let refused = group(GroupKind::Default).check_deletable(&GroupContents::default());
        assert_eq!(refused, Err(GroupNotDeletable::IsDefault));
    }

    #[test]
    fn deleting_a_group_with_connectors_is_refused_and_says_what_is_in_it() {
        let refused = group(GroupKind::Ordinary).check_deletable(&holding(&["a", "b"], &["Wiki"])).unwrap_err();
        assert!(refused.to_string().contains("2 connectors (a, b) and 1 application (Wiki)"), "{refused}");
    }

    #[test]
    fn deleting_an_empty_group_is_allowed() {
        assert_eq!(group(GroupKind::Ordinary).check_deletable(&GroupContents::default()), Ok(()));
    }

    #[test]
    fn the_region_changes_only_while_the_group_is_empty() {
        let mut berlin = group(GroupKind::Ordinary);
        assert!(berlin.place(Some(Region::Eur), &holding(&[], &["Wiki"])).is_err());
        assert_eq!(berlin.region, None);
        berlin.place(Some(Region::Eur), &GroupContents::default()).unwrap();
        berlin.place(Some(Region::Eur), &holding(&["a"], &[])).unwrap();
        assert_eq!(berlin.region, Some(Region::Eur));
    }
}
