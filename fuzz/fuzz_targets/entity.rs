//! Fuzzes the body of a request: `adit_fuzz::entity` says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adit_fuzz::entity(bytes));
