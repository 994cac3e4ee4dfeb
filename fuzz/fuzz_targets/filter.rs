//! Fuzzes the query string of a request: `adit_fuzz::filter` says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adit_fuzz::filter(bytes));
