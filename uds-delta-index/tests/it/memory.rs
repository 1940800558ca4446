//! What zones cost.

/// Resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has this file");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("the second number counts resident pages") * 4096
}

// Guards the memory of an index that is nearly empty: lists are spread over all of a zone's memory,
// but pages that no list has grown into must not become resident.
#[cfg(target_os = "linux")]
#[test]
fn an_empty_zone_costs_its_headers_only() {
    use uds_geometry::{
        Configuration, DeltaListNumber, MemorySize, VolumeIndexParameters, ZoneCount,
    };

    let geometry = Configuration::dense(MemorySize::MB_256).geometry();
    let sizes = VolumeIndexParameters::new(&geometry).unwrap().non_hook;
    let before = resident_bytes();
    let mut zone = uds_delta_index::DeltaZone::new(&uds_delta_index::ZoneConfiguration {
        first_list: DeltaListNumber::new(0),
        list_count: sizes.list_count,
        memory_bytes: sizes.zone_bytes(ZoneCount::ONE) as usize,
        coding: sizes.coding,
        value_bits: sizes.chapter_bits,
        key_bits: 20,
    })
    .unwrap();
    zone.reset();
    let grown = resident_bytes().saturating_sub(before);
    assert!(zone.memory_bytes() > 200 << 20);
    // 4 MiB of headers; the rest is for what other tests do meanwhile.
    assert!(grown < 64 << 20, "{grown} bytes");
}
