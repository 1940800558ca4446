//! The fuzz target `index_page`: see `uds_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| uds_fuzz::index_page(data));
