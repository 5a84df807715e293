#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| taphouse_fuzz::journal(bytes));
