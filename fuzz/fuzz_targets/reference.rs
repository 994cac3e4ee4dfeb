//! Fuzzes a reference to an entity: `adit_fuzz::reference` says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| adit_fuzz::reference(bytes));
