//! See `sanket_tests::fuzz::payload_v4`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanket_tests::fuzz::payload_v4(data));
