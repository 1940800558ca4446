//! The fuzz target `slot`: see `uds_fuzz::TARGETS`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| uds_fuzz::slot(data));
