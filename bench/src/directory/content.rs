//! What is in the large directory, by number: how much of what there is, what it is called, and where it belongs.
//!
//! Pure and the same every time, so that a run on a folder that is kept knows what to ask for.

/// Connector groups, beside the default one.
pub(super) const GROUPS: usize = 100_000;

/// Applications.
pub(super) const APPLICATIONS: usize = 1_000_000;

/// How many of the applications are published, spread evenly over the others, each in a group of its own.
pub(super) const PUBLISHED: usize = 10_000;

/// How many connectors are provisioned, two in a group.
pub(super) const CONNECTORS: usize = 2_000;

/// How many applications have a name with the same [`prefix`].
pub(super) const SAME_PREFIX: usize = APPLICATIONS / 100 / WORDS.len();

const WORDS: [&str; 20] = [
    "Accounts",
    "Archive",
    "Billing",
    "Calendar",
    "Careers",
    "Expenses",
    "Forecast",
    "Handbook",
    "Helpdesk",
    "Intranet",
    "Inventory",
    "Ledger",
    "Library",
    "Logistics",
    "Payroll",
    "Planning",
    "Quality",
    "Reports",
    "Suppliers",
    "Training",
];

/// Has no factor in common with the number of applications, so that it leads to each of them once.
const STRIDE: usize = 387_420_489;

/// The name of the application that was made as number `number`: in another order than that of making.
pub(super) fn application_name(number: usize) -> String {
    let rank = number * STRIDE % APPLICATIONS;
    format!("{} {rank:06}", WORDS[rank % WORDS.len()])
}

/// What the names of [`SAME_PREFIX`] applications start with, one of them that of `number`.
pub(super) fn prefix(number: usize) -> String {
    let name = application_name(number);
    name[..name.len() - "0000".len()].to_owned()
}

/// The name of a group.
pub(super) fn group_name(number: usize) -> String {
    format!("Group {number:06}")
}

/// Which application is published as number `published`.
pub(super) fn published_application(published: usize) -> usize {
    published * (APPLICATIONS / PUBLISHED)
}

/// As which number an application is published, if it is.
pub(super) fn published_as(application: usize) -> Option<usize> {
    let spread = APPLICATIONS / PUBLISHED;
    application.is_multiple_of(spread).then_some(application / spread)
}
