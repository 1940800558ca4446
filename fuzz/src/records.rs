//! The targets `record_page` and `page_map`.

use std::collections::BTreeMap;

use uds_geometry::{DeltaListNumber, PhysicalChapter, Record};
use uds_volume::{IndexPageMap, RecordPageEncoder, records_of_page, search_record_page};

use crate::index_page::geometry;
use crate::input::Input;

/// Searches a page of arbitrary bytes, and one on which the same records are in order.
pub fn record_page(data: &[u8]) {
    let records: Vec<Record> = records_of_page(data).collect();
    assert_eq!(records.len(), data.len() / 32);
    let mut data_of = BTreeMap::<_, Vec<_>>::new();
    for record in &records {
        data_of.entry(record.name).or_default().push(record.data);
    }
    for (name, stored) in &data_of {
        let found = search_record_page(data, name);
        assert!(found.is_none_or(|found| stored.contains(&found)), "what is found is on the page");
    }
    let Ok(count) = u32::try_from(records.len()) else { return };
    let mut page = vec![0; 32 * records.len()];
    let mut encoder = RecordPageEncoder::new(count);
    encoder.encode(&records, &mut page).expect("as many records as asked for");
    for (name, data) in &data_of {
        let found = search_record_page(&page, name).expect("every record of a page is found");
        assert!(data.contains(&found));
    }
    // One that is missing or too many is refused, and nothing else happens.
    assert!(encoder.encode(&records, &mut vec![0; 32 * records.len() + 1]).is_err());
    assert!(RecordPageEncoder::new(count + 1).encode(&records, &mut page).is_err());
}

/// Loads a saved index page map, and asks it for everything.
pub fn page_map(data: &[u8]) {
    let mut input = Input::new(data);
    let geometry = geometry(input.byte());
    let mut bytes = input.rest().to_vec();
    let map = IndexPageMap::new(&geometry);
    // The fuzzer need not fill ten kilobytes to get somewhere.
    if bytes.len() >= 16 && bytes.len() % 2 == 0 {
        let last = [bytes[bytes.len() - 2], bytes[bytes.len() - 1]];
        while (bytes.len() as u64) < map.saved_bytes() {
            bytes.extend(last);
        }
    }
    let saved = |map: &IndexPageMap| {
        let mut saved = Vec::new();
        map.save(&mut saved).expect("a vector takes everything");
        saved
    };
    let before = saved(&map);
    if map.load(&mut &bytes[..]).is_err() {
        assert_eq!(saved(&map), before, "a load that fails changes nothing");
        return;
    }
    assert!(bytes.starts_with(&saved(&map)), "a map is what it was loaded from");
    for slot in (0..geometry.chapters_per_volume()).take(8).map(PhysicalChapter::new) {
        for list in (0..geometry.delta_lists_per_chapter()).step_by(7).map(DeltaListNumber::new) {
            let page = map.page_for(slot, list).expect("a list of the geometry");
            let lists = map.lists_of(slot, page).expect("a page of the geometry");
            assert!(lists.contains(&list), "{list:?} is not among {lists:?}");
        }
    }
    let lists = DeltaListNumber::new(geometry.delta_lists_per_chapter());
    assert!(map.page_for(PhysicalChapter::new(0), lists).is_err());
}
