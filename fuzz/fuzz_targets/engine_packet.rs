//! See `sanket_tests::fuzz::engine_packet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanket_tests::fuzz::engine_packet(data));
