//! How much of what comes from outside is looked at. All limits are checked before descending or allocating.

/// The longest query string and the longest single option, in bytes: what common servers take as a whole request line.
pub const QUERY_BYTES: usize = 8 * 1024;

/// The longest skip token or delta token, in bytes; it does not count towards [`QUERY_BYTES`].
pub const TOKEN_BYTES: usize = 16 * 1024;

/// The longest path, in bytes.
pub const PATH_BYTES: usize = 8 * 1024;

/// The longest reference, in bytes.
pub const REFERENCE_BYTES: usize = 2048;

/// The most segments of a path; the longest path of Graph that we know has ten.
pub const PATH_SEGMENTS: usize = 40;

/// How deep parentheses, `not` and calls may nest in an expression or a search: recursion stays shallow on any stack.
pub const EXPRESSION_DEPTH: usize = 32;

/// The most operators, properties and literals of one expression or search.
pub const EXPRESSION_NODES: usize = 100;

/// How deep `any` and `all` may nest: each level multiplies the work by the items of its collection.
pub const LAMBDA_DEPTH: usize = 2;

/// The most names in one `$select`.
pub const SELECTED: usize = 100;

/// The most keys in one `$orderby`.
pub const ORDER_KEYS: usize = 20;

/// How deep `$expand` may nest.
pub const EXPAND_DEPTH: usize = 2;

/// The most navigations that one request expands, nested ones included; Graph's own limit.
pub const EXPANDED: usize = 20;

/// The largest body, in bytes.
pub const BODY_BYTES: usize = 1024 * 1024;

/// How deep arrays and objects may nest in a body.
pub const JSON_DEPTH: usize = 64;

/// The most requests of one `$batch`; Graph's own limit.
pub const BATCH_REQUESTS: usize = 20;
