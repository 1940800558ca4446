//! A chapter's index, from its records to a look-up on its pages.

use uds_delta_index::IndexPageHeader;
use uds_delta_index::chapter_index::{ChapterIndexBuilder, search, validate};
use uds_geometry::{Configuration, Nonce, RecordName, RecordPageNumber, VirtualChapter};

// Guards the way that the chapter writer and the readers of a volume go, in the smallest geometry.
#[test]
fn records_are_found_on_their_pages() {
    let geometry = Configuration::tiny(true).geometry();
    let records: Vec<(RecordName, RecordPageNumber)> = (0..geometry.records_per_chapter())
        .map(|index| {
            let page = RecordPageNumber::new(index / geometry.records_per_page());
            (RecordName::of_block(&index.to_le_bytes()), page)
        })
        .collect();
    let nonce = Nonce::new(0x1234_5678_9abc_def0);
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    for chapter in [VirtualChapter::new(7), VirtualChapter::new(8)] {
        assert_eq!(builder.build(records.iter().copied()).unwrap(), 0);
        let mut page = vec![0; geometry.bytes_per_page() as usize];
        let (mut first_list, mut found) = (0, 0);
        for number in 0..geometry.index_pages_per_chapter() {
            let is_last = number + 1 == geometry.index_pages_per_chapter();
            let packed = builder.pack_page(nonce, chapter, first_list, is_last, &mut page).unwrap();
            assert_eq!(packed.evicted, 0);
            let header = IndexPageHeader::parse(&page, nonce).unwrap();
            assert_eq!(header.chapter(), chapter);
            validate(&header, &page, &geometry).unwrap();
            for (name, record_page) in &records {
                if header.contains(geometry.chapter_list(name)) {
                    let hit = search(&header, &page, &geometry, name).unwrap();
                    assert_eq!(hit, Some(*record_page));
                    found += 1;
                }
            }
            first_list += packed.lists;
        }
        assert_eq!(found, records.len());
    }
}
