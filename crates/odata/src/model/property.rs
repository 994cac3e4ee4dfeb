//! Properties and navigations: what an entity or a structured value consists of, and what it leads to.

use super::{EntityType, Type};

/// Who sets a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetBy {
    /// The client; checked and kept.
    Client,
    /// The system; what a client sends for it is ignored without a look.
    System,
}

/// Whether a property is part of an answer that was not asked for particular properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// It is.
    Always,
    /// Only when `$select` names it.
    WhenSelected,
    /// Never: it holds a secret.
    Never,
}

/// A property of an entity or a structured value.
#[derive(Debug)]
pub struct Property {
    /// Its name, in the spelling that is written.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Whether `null` is a value.
    pub nullable: bool,
    /// Who sets it.
    pub set_by: SetBy,
    /// When it is returned.
    pub returned: Returned,
    /// Other names under which clients send it; it is never written under them.
    pub aliases: &'static [&'static str],
}

impl Property {
    /// A nullable property that the client sets and that is always returned.
    #[must_use]
    pub const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind, nullable: true, set_by: SetBy::Client, returned: Returned::Always, aliases: &[] }
    }

    /// The same, never `null`.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// The same, set by the system.
    #[must_use]
    pub const fn system(mut self) -> Self {
        self.set_by = SetBy::System;
        self
    }

    /// The same, returned only on `$select`.
    #[must_use]
    pub const fn when_selected(mut self) -> Self {
        self.returned = Returned::WhenSelected;
        self
    }

    /// The same, never returned.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.returned = Returned::Never;
        self
    }

    /// The same, understood under other names too.
    #[must_use]
    pub const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}

/// Whether a navigation leads to one entity or to several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Multiplicity {
    /// At most one.
    One,
    /// Any number.
    Many,
}

/// A navigation from one entity, or structured value, to entities.
#[derive(Debug)]
pub struct Navigation {
    /// Its name, in the spelling that is written.
    pub name: &'static str,
    /// Where it leads.
    pub target: &'static EntityType,
    /// To how many.
    pub multiplicity: Multiplicity,
    /// Whether what it leads to lives only below its source.
    pub contained: bool,
}

impl Navigation {
    /// A navigation to at most one entity.
    #[must_use]
    pub const fn one(name: &'static str, target: &'static EntityType) -> Self {
        Self { name, target, multiplicity: Multiplicity::One, contained: false }
    }

    /// A navigation to any number of entities.
    #[must_use]
    pub const fn many(name: &'static str, target: &'static EntityType) -> Self {
        Self { name, target, multiplicity: Multiplicity::Many, contained: false }
    }

    /// The same, to entities that live below their source.
    #[must_use]
    pub const fn contained(mut self) -> Self {
        self.contained = true;
        self
    }
}

/// Finds a property by one of its names, without regard to case.
#[must_use]
pub fn find_property(properties: &'static [Property], name: &str) -> Option<&'static Property> {
    let named = |property: &&Property| {
        property.name.eq_ignore_ascii_case(name)
            || property.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    };
    properties.iter().find(named)
}

pub(super) fn find_navigation(navigations: &'static [Navigation], name: &str) -> Option<&'static Navigation> {
    navigations.iter().find(|navigation| navigation.name.eq_ignore_ascii_case(name))
}
