//! Tables 2.3, examples 2.5 and 14.4, and the arithmetic of expiry and sparseness.

use super::*;
use crate::MemorySize;

/// A row of table 2.3.
struct Row {
    configuration: Configuration,
    record_pages: u32,
    records: u32,
    lists: u32,
    payload: u32,
    index_pages: u32,
    pages: u32,
    chapters: u32,
    sparse: u32,
    dense: u32,
    bytes: u64,
}

fn row(configuration: Configuration, numbers: [u32; 9], bytes: u64) -> Row {
    let [record_pages, records, lists, payload, index_pages, pages, chapters, sparse, dense] =
        numbers;
    Row {
        configuration,
        record_pages,
        records,
        lists,
        payload,
        index_pages,
        pages,
        chapters,
        sparse,
        dense,
        bytes,
    }
}

fn table() -> Vec<Row> {
    use Configuration as C;
    use MemorySize as M;
    let gb = |count| M::gigabytes(count).unwrap();
    let mb256 = [64, 65536, 1024, 6, 6, 70];
    let mb512 = [128, 131_072, 2048, 7, 13, 141];
    let mb768 = [192, 196_608, 4096, 8, 20, 212];
    let gb1 = [256, 262_144, 4096, 8, 26, 282];
    let with = |shape: [u32; 6], chapters: [u32; 3]| {
        let [a, b, c, d, e, f] = shape;
        let [x, y, z] = chapters;
        [a, b, c, d, e, f, x, y, z]
    };
    let dense = |chapters| [chapters, 0, chapters];
    let sparse = [10240, 9728, 512];
    vec![
        row(C::dense(M::MB_256), with(mb256, dense(1024)), 2_348_843_008),
        row(C::sparse(M::MB_256), with(mb256, sparse), 23_488_135_168),
        row(C::dense(M::MB_512), with(mb512, dense(1024)), 4_731_207_680),
        row(C::sparse(M::MB_512), with(mb512, sparse), 47_311_781_888),
        row(C::dense(M::MB_768), with(mb768, dense(1024)), 7_113_572_352),
        row(C::sparse(M::MB_768), with(mb768, sparse), 71_135_428_608),
        row(C::dense(M::GB_1), with(gb1, dense(1024)), 9_462_382_592),
        row(C::sparse(M::GB_1), with(gb1, sparse), 94_623_531_008),
        row(C::dense(gb(2)), with(gb1, dense(2048)), 18_924_732_416),
        row(C::dense(gb(4)), with(gb1, dense(4096)), 37_849_432_064),
        row(C::dense(M::MB_256).reduced(), with(mb256, dense(1023)), 2_346_549_248),
        row(C::sparse(M::MB_256).reduced(), with(mb256, [10239, 9728, 511]), 23_485_841_408),
        row(C::dense(M::GB_1).reduced(), with(gb1, dense(1023)), 9_453_142_016),
    ]
}

// Guards every derived number: one wrong and no index of dm-vdo opens (table 2.3, row C12).
#[test]
fn common_configurations() {
    for row in table() {
        let geometry = row.configuration.geometry();
        let context = &row.configuration;
        assert_eq!(geometry.record_pages_per_chapter(), row.record_pages, "{context:?}");
        assert_eq!(geometry.records_per_chapter(), row.records, "{context:?}");
        assert_eq!(geometry.delta_lists_per_chapter(), row.lists, "{context:?}");
        assert_eq!(geometry.chapter_payload_bits(), row.payload, "{context:?}");
        assert_eq!(geometry.index_pages_per_chapter(), row.index_pages, "{context:?}");
        assert_eq!(geometry.pages_per_chapter(), row.pages, "{context:?}");
        assert_eq!(geometry.chapters_per_volume(), row.chapters, "{context:?}");
        assert_eq!(geometry.sparse_chapters_per_volume(), row.sparse, "{context:?}");
        assert_eq!(geometry.dense_chapters_per_volume(), row.dense, "{context:?}");
        assert_eq!(geometry.bytes_per_volume(), row.bytes, "{context:?}");
        assert_eq!(geometry.chapter_address_bits(), 22, "{context:?}");
        assert_eq!(geometry.records_per_page(), 1024, "{context:?}");
        assert_eq!(geometry.is_reduced(), row.chapters % 2 == 1, "{context:?}");
        assert_eq!(geometry.cache_slots(), 7 * row.record_pages, "{context:?}");
    }
}

// Guards the bit extractions of a name (example 14.4).
#[test]
fn names_in_a_chapter_index() {
    let counting = RecordName::new(std::array::from_fn(|i| i as u8));
    let small = Configuration::dense(MemorySize::MB_256).geometry();
    let large = Configuration::dense(MemorySize::GB_1).geometry();
    assert_eq!(small.chapter_key(&counting).get(), 723_981);
    assert_eq!(small.chapter_list(&counting).get(), 40);
    assert_eq!(large.chapter_list(&counting).get(), 1064);
    let fox = RecordName::of_block(b"The quick brown fox jumps over the lazy dog");
    assert_eq!(small.chapter_key(&fox).get(), 4_072_444);
    assert_eq!(small.chapter_list(&fox).get(), 229);
    assert!(!small.is_sample(&counting));
    let sparse = Configuration::sparse(MemorySize::MB_256).geometry();
    assert!(!sparse.is_sample(&counting), "3599 mod 32 is 15");
    assert!(sparse.is_sample(&RecordName::default()));
    assert!(!small.is_sample(&RecordName::default()), "a dense index takes no samples");
}

fn converted() -> Geometry {
    let configuration = Configuration::dense(MemorySize::MB_256).reduced();
    Geometry::new(&configuration, Remapping { virtual_chapter: 4096, physical_chapter: 904 })
}

// Guards the remapping of converted indexes (the example of section 2.5).
#[test]
fn slots_of_a_converted_index() {
    let geometry = converted();
    let slots = [
        (3978, 905),
        (3979, 906),
        (4095, 1022),
        (4096, 904),
        (4097, 0),
        (5000, 903),
        (5001, 905),
        (5118, 1022),
        (5119, 0),
        (6022, 903),
        (6023, 904),
    ];
    for (chapter, slot) in slots {
        let chapter = VirtualChapter::new(chapter);
        assert_eq!(geometry.physical_chapter(chapter), PhysicalChapter::new(slot), "{chapter:?}");
    }
    // Long gone, and any slot of the volume will do.
    assert_eq!(geometry.physical_chapter(VirtualChapter::ZERO), PhysicalChapter::new(0));
}

// Guards against two live chapters in one slot, the worst that expiry can do: simulates the
// converted index over more than a full wrap.
#[test]
fn no_two_live_chapters_share_a_slot() {
    let geometry = converted();
    let mut oldest = 3978_u64;
    let mut expired_twice = Vec::new();
    let mut expired_none = Vec::new();
    for newest in 5001..9000_u64 {
        let expired = geometry.chapters_to_expire(VirtualChapter::new(newest));
        match expired {
            2 => expired_twice.push(newest),
            0 => expired_none.push(newest),
            _ => {}
        }
        let before = oldest;
        oldest += expired;
        // The slot of 4097 is what 5119 needs; that of 4096 stays free until 6023 fills it.
        match newest {
            5001 => assert_eq!((before, oldest), (3978, 3979)),
            5119 => assert_eq!((before, oldest), (4096, 4098)),
            6023 => assert_eq!((before, oldest), (5001, 5001)),
            8999 => assert_eq!(oldest, 8999 - 1022),
            _ => {}
        }
        let mut slots: Vec<_> = (oldest..=newest)
            .map(|chapter| geometry.physical_chapter(VirtualChapter::new(chapter)))
            .collect();
        let live = slots.len();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), live, "chapters {oldest} to {newest}");
    }
    assert_eq!(expired_twice, [5119]);
    assert_eq!(expired_none, [6023]);
}

// Guards ordinary indexes, reduced or not, against a remapping that is not there.
#[test]
fn without_remapping_slots_are_a_plain_remainder() {
    for configuration in [
        Configuration::dense(MemorySize::MB_256),
        Configuration::sparse(MemorySize::GB_1).reduced(),
    ] {
        let geometry = configuration.geometry();
        let count = u64::from(geometry.chapters_per_volume());
        for chapter in [0, 1, count - 1, count, count + 1, 7 * count + 5, u64::MAX] {
            let chapter = VirtualChapter::new(chapter);
            let slot = geometry.physical_chapter(chapter);
            assert_eq!(u64::from(slot.get()), chapter.get() % count, "{chapter:?}");
            let expired = geometry.chapters_to_expire(chapter);
            assert_eq!(expired, u64::from(chapter.get() >= count), "{chapter:?}");
        }
    }
}

// Guards the borders of the sparse part: all (oldest, newest, chapter) of ten chapters (row C12).
#[test]
fn sparseness_of_every_small_window() {
    let custom = crate::CustomConfiguration {
        chapters_per_volume: 10,
        sparse_chapters_per_volume: 5,
        sample_rate: 32,
        ..Default::default()
    };
    let sparse = Configuration::custom(&custom).unwrap().geometry();
    let dense = Configuration::tiny(false).geometry();
    for oldest in 0..10_u64 {
        for newest in oldest..oldest + 10 {
            let (first, last) = (VirtualChapter::new(oldest), VirtualChapter::new(newest));
            let has_sparse = newest - oldest + 1 > 5;
            assert_eq!(sparse.has_sparse_chapters(first, last), has_sparse);
            assert!(!dense.has_sparse_chapters(first, last));
            for chapter in oldest..=newest {
                let is_sparse = has_sparse && chapter + 5 <= newest;
                let chapter = VirtualChapter::new(chapter);
                assert_eq!(sparse.is_chapter_sparse(first, last, chapter), is_sparse);
                assert!(!dense.is_chapter_sparse(first, last, chapter));
            }
        }
    }
}

// Guards the page arithmetic at both ends of a chapter and of the volume.
#[test]
fn pages_and_places_agree() {
    let geometry = Configuration::dense(MemorySize::MB_256).geometry();
    assert_eq!(geometry.locate(PhysicalPage::new(0)), None, "the header page is no chapter's");
    for slot in [0, 1, 1023] {
        let slot = PhysicalChapter::new(slot);
        let index = ChapterPage::Index(IndexPageNumber::new(5));
        let record = ChapterPage::Record(RecordPageNumber::new(63));
        for page in [index, record] {
            assert_eq!(geometry.locate(geometry.physical_page(slot, page)), Some((slot, page)));
        }
    }
    let last = geometry.pages_per_volume() as u32;
    assert!(geometry.locate(PhysicalPage::new(last)).is_some());
    assert_eq!(geometry.locate(PhysicalPage::new(last + 1)), None);
}
