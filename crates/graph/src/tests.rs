//! The whole API in process: the router with a real control plane on a temporary folder.

mod applications;
mod bad_input;
mod client_secrets;
mod collections;
mod concurrency;
mod coverage;
mod envelope;
mod explanation;
mod harness;
mod pages;
mod people;
mod permissions;
mod privilege;
mod publishing;
mod queries;
mod refusals;
mod users;
