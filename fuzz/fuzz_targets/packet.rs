//! See `sanket_tests::fuzz::packet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanket_tests::fuzz::packet(data));
