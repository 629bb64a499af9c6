//! See `sanket_tests::fuzz::jsonp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sanket_tests::fuzz::jsonp(data));
