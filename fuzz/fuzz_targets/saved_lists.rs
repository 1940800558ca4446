//! The fuzz target `saved_lists`: see `uds_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| uds_fuzz::saved_lists(data));
