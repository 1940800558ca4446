//! The fuzz target `record_page`: see `uds_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| uds_fuzz::record_page(data));
