//! The fuzz target `page_map`: see `uds_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| uds_fuzz::page_map(data));
