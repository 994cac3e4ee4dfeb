//! Fuzzes the path of a request: `adit_fuzz::url` says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adit_fuzz::url(bytes));
