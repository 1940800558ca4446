//! Tests of the chapter index: what is built is found, and both ways to build agree.

use proptest::prelude::*;
use uds_geometry::{
    Configuration, Geometry, MemorySize, Nonce, RecordName, RecordPageNumber, VirtualChapter,
};

use super::*;
use crate::{IndexPageHeader, ListDefect};

const NONCE: Nonce = Nonce::new(0xfeed_face);
const CHAPTER: VirtualChapter = VirtualChapter::new(77);

type Records = Vec<(RecordName, RecordPageNumber)>;

fn geometry(memory: MemorySize) -> Geometry {
    Configuration::dense(memory).geometry()
}

/// As many records as a chapter has, with names that look random, in order of arrival.
fn chapter(geometry: &Geometry) -> Records {
    let record = |index: u32| {
        let page = index / geometry.records_per_page();
        (RecordName::of_block(&index.to_le_bytes()), RecordPageNumber::new(page))
    };
    (0..geometry.records_per_chapter()).map(record).collect()
}

/// A name with this list and key in a chapter index; `tag` tells such names apart.
fn name_at(geometry: &Geometry, list: u32, key: u32, tag: u32) -> RecordName {
    let bits = u64::from(list) << geometry.chapter_address_bits() | u64::from(key);
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&tag.to_le_bytes());
    // Bytes 8..14 are big-endian (specification, section 1).
    bytes[8..14].copy_from_slice(&bits.to_be_bytes()[2..]);
    RecordName::new(bytes)
}

struct Chapter {
    pages: Vec<(IndexPageHeader, Vec<u8>)>,
    evicted: u32,
}

impl Chapter {
    /// Packs all lists into `page_count` pages.
    fn pack(builder: &mut ChapterIndexBuilder, geometry: &Geometry, page_count: u32) -> Self {
        let mut chapter = Self { pages: Vec::new(), evicted: 0 };
        let mut first_list = 0;
        for number in 0..page_count {
            let mut page = vec![0xc3; geometry.bytes_per_page() as usize];
            let is_last = number + 1 == page_count;
            let packed = builder.pack_page(NONCE, CHAPTER, first_list, is_last, &mut page).unwrap();
            let header = IndexPageHeader::parse(&page, NONCE).unwrap();
            assert_eq!(header.chapter(), CHAPTER);
            assert_eq!(header.lowest_list().get(), first_list);
            assert_eq!(header.list_count(), packed.lists);
            validate(&header, &page, geometry).unwrap();
            first_list += packed.lists;
            chapter.evicted += packed.evicted;
            chapter.pages.push((header, page));
        }
        assert_eq!(first_list, geometry.delta_lists_per_chapter());
        chapter
    }

    fn search(&self, geometry: &Geometry, name: &RecordName) -> Option<RecordPageNumber> {
        let list = geometry.chapter_list(name);
        let (header, page) = self.pages.iter().find(|(header, _)| header.contains(list)).unwrap();
        search(header, page, geometry, name).unwrap()
    }

    fn bytes(&self) -> Vec<&[u8]> {
        self.pages.iter().map(|(_, page)| page.as_slice()).collect()
    }
}

// Guards the whole way of a full chapter of 1 GB: every name is found on its record page, and the
// pages are those that insertion one by one makes.
#[test]
fn a_full_chapter_is_found() {
    let geometry = geometry(MemorySize::GB_1);
    let records = chapter(&geometry);
    assert_eq!(records.len(), 262_144);
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    assert_eq!(builder.build(records.iter().copied()).unwrap(), 0);
    let chapter = Chapter::pack(&mut builder, &geometry, geometry.index_pages_per_chapter());
    assert_eq!(chapter.evicted, 0);
    for (name, page) in &records {
        assert_eq!(chapter.search(&geometry, name), Some(*page));
    }

    assert!(builder.encode_at_once(), "an ordinary chapter goes the short way");
    assert_eq!(builder.insert_one_by_one().unwrap(), 0);
    let pages = geometry.index_pages_per_chapter();
    assert_eq!(Chapter::pack(&mut builder, &geometry, pages).bytes(), chapter.bytes());
}

// Guards names that a chapter does not hold: nearly all are known to be absent.
#[test]
fn absent_names_are_mostly_absent() {
    let geometry = geometry(MemorySize::MB_256);
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    assert_eq!(builder.build(chapter(&geometry).into_iter()).unwrap(), 0);
    let chapter = Chapter::pack(&mut builder, &geometry, geometry.index_pages_per_chapter());
    let absent = (1..=10_000_u64).map(|index| RecordName::of_block(&index.to_be_bytes()));
    let found = absent.filter(|name| chapter.search(&geometry, name).is_some()).count();
    // A list has 64 of 4 million keys: one in 65536 is hit by chance.
    assert!(found < 5, "{found} of 10000 were found");
}

// Guards empty chapters, and the pages behind those that took all lists.
#[test]
fn an_empty_chapter_has_empty_pages() {
    let geometry = geometry(MemorySize::MB_256);
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    for _ in 0..2 {
        let chapter = Chapter::pack(&mut builder, &geometry, 3);
        let lists: Vec<u32> = chapter.pages.iter().map(|(header, _)| header.list_count()).collect();
        assert_eq!(lists, [1024, 0, 0]);
        assert_eq!(chapter.search(&geometry, &RecordName::default()), None);
        assert_eq!(builder.build(std::iter::empty()).unwrap(), 0);
    }
}

// Guards a chapter whose names all have one list: what does not fit is counted, the rest is found.
#[test]
fn one_list_for_all_names() {
    let geometry = geometry(MemorySize::MB_256);
    let names = (0..geometry.records_per_chapter())
        .map(|index| name_at(&geometry, 17, index.wrapping_mul(40_503) & 0x3f_ffff, index));
    let pages = (0_u32..).map(|index| RecordPageNumber::new(index / 1024));
    let records: Records = names.zip(pages).collect();
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    let overflowed = builder.build(records.iter().copied()).unwrap();
    let chapter = Chapter::pack(&mut builder, &geometry, geometry.index_pages_per_chapter());
    let found = records
        .iter()
        .filter(|(name, page)| chapter.search(&geometry, name) == Some(*page))
        .count();
    assert!(overflowed > 60_000, "{overflowed}");
    assert_eq!(found + overflowed, records.len());
    assert_eq!(chapter.evicted, 0);
}

// Guards the last page: lists that do not fit give up their entries, the first that did not fit
// before those behind it, and every other name is still found.
#[test]
fn a_chapter_in_one_page() {
    let geometry = geometry(MemorySize::MB_256);
    let records = chapter(&geometry);
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    assert_eq!(builder.build(records.iter().copied()).unwrap(), 0);
    let chapter = Chapter::pack(&mut builder, &geometry, 1);
    let is_found = |record: &&(RecordName, RecordPageNumber)| {
        chapter.search(&geometry, &record.0) == Some(record.1)
    };
    let found: Vec<_> = records.iter().filter(is_found).collect();
    assert_eq!(found.len() + chapter.evicted as usize, records.len());
    // About 158 lists of 64 records fit, beside the offsets of all 1024.
    assert!((9_000..11_500).contains(&found.len()), "{} found", found.len());
    let (header, _) = &chapter.pages[0];
    assert_eq!(header.list_count(), 1024);
    // Whoever does not fit goes first: the lists that are left are those at the front.
    let list_of = |record: &(RecordName, RecordPageNumber)| geometry.chapter_list(&record.0);
    let last_found = found.iter().map(|record| list_of(record)).max();
    let first_lost = records.iter().filter(|record| !is_found(record)).map(list_of).min();
    assert!(last_found < first_lost, "{last_found:?} is there, {first_lost:?} is not");
}

// Guards the other reason to evict: a list that does not fit a page by itself.
#[test]
fn a_list_longer_than_a_page_is_given_up() {
    let configuration = Configuration::custom(&uds_geometry::CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 64,
        chapters_per_volume: 4,
        sparse_chapters_per_volume: 0,
        cache_chapters: 1,
        sample_rate: 0,
    });
    let geometry = configuration.unwrap().geometry();
    let names = (0..2500).map(|index| name_at(&geometry, 3, index * 1000, index));
    let others = (0..20).map(|index| name_at(&geometry, index + 4, 5, index));
    let records: Records =
        names.chain(others).map(|name| (name, RecordPageNumber::new(1))).collect();
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    assert_eq!(builder.build(records.iter().copied()).unwrap(), 0);
    let pages = geometry.index_pages_per_chapter();
    let chapter = Chapter::pack(&mut builder, &geometry, pages);
    assert_eq!(chapter.evicted, 2500);
    let found = records.iter().filter(|(name, _)| chapter.search(&geometry, name).is_some());
    assert_eq!(found.count(), 20);
}

// Guards the refusals: a wrong page or list would write an index that leads nowhere.
#[test]
fn bad_arguments_are_refused() {
    let geometry = geometry(MemorySize::MB_256);
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    let pages = [63, 64].map(|page| (RecordName::default(), RecordPageNumber::new(page)));
    assert_eq!(builder.build(pages[..1].iter().copied()).unwrap(), 0);
    let error = builder.build(pages.into_iter()).unwrap_err();
    assert!(matches!(error, DeltaError::InvalidArgument { found: 64, .. }), "{error}");
    let mut page = vec![0; 32768];
    assert!(builder.pack_page(NONCE, CHAPTER, 1025, false, &mut page).is_err());
    assert!(builder.pack_page(NONCE, CHAPTER, 0, false, &mut page[1..]).is_err());
    // After the failed build nothing is indexed.
    let packed = builder.pack_page(NONCE, CHAPTER, 0, false, &mut page).unwrap();
    assert_eq!(packed, PackedPage { lists: 1024, evicted: 0 });
    let header = IndexPageHeader::parse(&page, NONCE).unwrap();
    assert_eq!(search(&header, &page, &geometry, &RecordName::default()).unwrap(), None);
    let chapter = Chapter::pack(&mut builder, &geometry, 2);
    let (header, page) = &chapter.pages[1];
    assert!(matches!(
        search(header, page, &geometry, &RecordName::default()),
        Err(DeltaError::NoSuchList { count: 0, .. })
    ));
}

// Guards a rebuild against record pages that do not exist: it would read beyond the chapter.
#[test]
fn values_out_of_range_are_found() {
    let geometry = geometry(MemorySize::MB_768);
    let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
    let record = (RecordName::default(), RecordPageNumber::new(191));
    assert_eq!(builder.build([record].into_iter()).unwrap(), 0);
    let chapter = Chapter::pack(&mut builder, &geometry, 1);
    let (header, page) = &chapter.pages[0];
    let mut damaged = page.clone();
    // The value is the first field of the only entry: 191 becomes 192, which 768 MB have not.
    let first_bit = 160 + 19 * 4097;
    crate::bits::store(&mut damaged, first_bit, 8, 192);
    let error = validate(header, &damaged, &geometry).unwrap_err();
    let defect = ListDefect::ValueTooLarge;
    assert!(matches!(error, DeltaError::CorruptList { defect: found, .. } if found == defect));
}

/// Builds and packs the long way.
fn one_by_one(geometry: &Geometry, records: &Records) -> Result<(usize, Chapter), DeltaError> {
    let mut builder = ChapterIndexBuilder::new(geometry)?;
    builder.take_records(records.iter().copied())?;
    let overflowed = builder.insert_one_by_one()?;
    Ok((overflowed, Chapter::pack(&mut builder, geometry, geometry.index_pages_per_chapter())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    // Guards the short way: for names with many equal keys and some equal names, it must make the
    // pages, counts and errors of the long way, which follows the specification word by word.
    #[test]
    fn both_ways_agree(
        places in prop::collection::vec((0_u32..3, 0_u32..40, 0_u32..20, 0_u32..32), 0..400),
        spread in prop::sample::select(vec![1_u32, 1000, 100_000]),
        copies in prop::sample::select(vec![1_usize, 1, 40]),
        duplicates in any::<bool>(),
    ) {
        let geometry = Configuration::tiny(false).geometry();
        let mut records = Records::new();
        for (index, &(list, key, tag, page)) in (0..).zip(places.iter().cycle()) {
            if index as usize >= places.len() * copies { break }
            let tag = if duplicates && copies == 1 { tag } else { index };
            let name = name_at(&geometry, list, key * spread, tag);
            records.push((name, RecordPageNumber::new(page)));
        }
        let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
        let result = builder.build(records.iter().copied());
        match (result, one_by_one(&geometry, &records)) {
            (Ok(overflowed), Ok((expected, long))) => {
                prop_assert_eq!(overflowed, expected);
                let pages = geometry.index_pages_per_chapter();
                let short = Chapter::pack(&mut builder, &geometry, pages);
                prop_assert_eq!(short.evicted, long.evicted);
                prop_assert!(short.bytes() == long.bytes());
            }
            (Err(error), Err(expected)) => {
                prop_assert_eq!(error.to_string(), expected.to_string());
            }
            (short, long) => panic!("{short:?} {:?}", long.map(|long| long.0)),
        }
    }

    // Guards against panics and endless walks on pages with any bits behind a good header.
    #[test]
    fn damaged_pages_are_survived(
        damage in prop::collection::vec((0_usize..32768, any::<u8>()), 1..200),
        probes in prop::collection::vec(any::<[u8; 16]>(), 20),
        reparse in any::<bool>(),
    ) {
        let geometry = geometry(MemorySize::MB_256);
        let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
        let records = chapter(&geometry).into_iter().take(9000);
        prop_assert_eq!(builder.build(records).unwrap(), 0);
        let mut page = vec![0; 32768];
        builder.pack_page(NONCE, CHAPTER, 0, true, &mut page).unwrap();
        let mut header = IndexPageHeader::parse(&page, NONCE).unwrap();
        for (place, byte) in damage {
            page[place] = byte;
        }
        if reparse {
            match IndexPageHeader::parse(&page, NONCE) {
                Ok(parsed) => header = parsed,
                Err(error) => assert!(matches!(error, DeltaError::CorruptPage { .. })),
            }
        }
        let is_expected = |error: &DeltaError| {
            matches!(
                error,
                DeltaError::CorruptPage { .. }
                    | DeltaError::CorruptList { .. }
                    | DeltaError::NoSuchList { .. }
            )
        };
        for probe in probes {
            let result = search(&header, &page, &geometry, &RecordName::new(probe));
            prop_assert!(result.as_ref().err().is_none_or(is_expected));
        }
        let result = validate(&header, &page, &geometry);
        prop_assert!(result.as_ref().err().is_none_or(is_expected));
    }

    // Guards the quick validation, of several lists at once, against pages that it takes for sound
    // and the thorough one does not, and the other way round: with little damage, so that both
    // answers occur; where some record pages do not exist, and where all do.
    #[test]
    fn quick_validation_is_as_strict_as_the_thorough_one(
        damage in prop::collection::vec((0_u64..8 * 32768, any::<bool>()), 0..4),
        size in prop::sample::select(vec![MemorySize::MB_256, MemorySize::MB_768]),
    ) {
        let geometry = geometry(size);
        let coding = entry_coding(&geometry).unwrap();
        let mut builder = ChapterIndexBuilder::new(&geometry).unwrap();
        builder.build(chapter(&geometry).into_iter().take(9000)).unwrap();
        let mut page = vec![0; 32768];
        builder.pack_page(NONCE, CHAPTER, 0, true, &mut page).unwrap();
        let header = IndexPageHeader::parse(&page, NONCE).unwrap();
        for (bit, value) in damage {
            let byte = &mut page[(bit / 8) as usize];
            *byte = *byte & !(1 << (bit % 8)) | u8::from(value) << (bit % 8);
        }
        let thorough = read::validate_singly(&header, &page, &geometry, &coding);
        let quick = read::is_sound(&header, &page, &geometry, &coding);
        prop_assert_eq!(quick, thorough.is_ok());
    }
}
