//! See `sanket_tests::fuzz::payload_v3`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanket_tests::fuzz::payload_v3(data));
