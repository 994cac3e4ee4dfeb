//! How much of what comes from outside is looked at. All limits are checked before descending or allocating.

/// The longest query string and the longest filter, in bytes: what common servers take as a whole request line.
pub const QUERY_BYTES: usize = 8 * 1024;

/// The longest path, in bytes.
pub const PATH_BYTES: usize = 8 * 1024;

/// The most segments of a path; the longest path of Graph that we know has ten.
pub const PATH_SEGMENTS: usize = 32;

/// How deep parentheses, `not` and calls may nest in a filter: recursion stays shallow on any stack.
pub const FILTER_DEPTH: usize = 32;

/// The most operators, properties and literals of a filter.
pub const FILTER_NODES: usize = 100;

/// The most names in one `$select`.
pub const SELECTED: usize = 100;
