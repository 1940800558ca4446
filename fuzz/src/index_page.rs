//! The target `index_page`: the header of an index page, the walk over its lists, and searches.
//!
//! | byte | what |
//! |---|---|
//! | 0 | which geometry |
//! | 1 | bit 0: mend first offset and guard; 1: big-endian; 2: search another page than parsed |
//! | 2.. | the page |

use uds_delta_index::{IndexPageHeader, chapter_index};
use uds_geometry::{Configuration, Geometry, MemorySize, Nonce, RecordName};

use crate::bases;
use crate::input::Input;

/// The geometry that a byte stands for.
pub(crate) fn geometry(byte: u8) -> Geometry {
    match byte % 5 {
        0 => bases::dense(1, 4),
        1 => bases::dense(16, 3),
        2 => Configuration::tiny(true),
        3 => Configuration::tiny(false),
        _ => Configuration::dense(MemorySize::MB_256),
    }
    .geometry()
}

/// Parses the page, walks it, and searches it.
pub fn index_page(data: &[u8]) {
    let mut input = Input::new(data);
    let geometry = geometry(input.byte());
    let flags = input.byte();
    let mut page = input.rest().to_vec();
    if flags & 1 != 0 {
        mend(&mut page, flags & 2 != 0);
    }
    let nonce = page.first_chunk::<8>().copied().unwrap_or_default();
    let nonce = if flags & 2 == 0 { u64::from_le_bytes(nonce) } else { u64::from_be_bytes(nonce) };
    let Ok(header) = IndexPageHeader::parse(&page, Nonce::new(nonce)) else { return };
    assert_eq!(header.lists().len(), header.list_count() as usize);
    assert_eq!(header.lists().last(), header.highest_list());
    let is_sound = chapter_index::validate(&header, &page, &geometry).is_ok();
    for name in names(&page) {
        let found = chapter_index::search(&header, &page, &geometry, &name);
        let is_here = header.contains(geometry.chapter_list(&name));
        assert!(is_here || found.is_err(), "a list that is not on the page was searched");
        if is_sound && is_here {
            let found = found.expect("nothing fails on a sound page");
            let count = geometry.record_pages_per_chapter();
            assert!(found.is_none_or(|page| page.get() < count), "{found:?} of {count}");
        }
    }
    if flags & 4 != 0 {
        let half = page.len() / 2;
        page.rotate_left(half);
        let _ = chapter_index::validate(&header, &page, &geometry);
        page.truncate(half);
        for name in names(&page) {
            let _ = chapter_index::search(&header, &page, &geometry, &name);
        }
    }
}

/// Puts in what every page has.
fn mend(page: &mut [u8], is_big: bool) {
    if page.len() < 30 {
        return;
    }
    let count = [page[18], page[19]];
    let count = if is_big { u16::from_be_bytes(count) } else { u16::from_le_bytes(count) };
    let first = 160 + 19 * (u32::from(count) + 1);
    page[20] = first as u8;
    page[21] = (first >> 8) as u8;
    page[22] = page[22] & !7 | (first >> 16) as u8 & 7;
    let guard = page.len() - 7;
    page[guard..].fill(0xff);
}

/// Names to search for: pieces of the page, which are as good as any, and some others.
fn names(page: &[u8]) -> impl Iterator<Item = RecordName> + '_ {
    let pieces = page.chunks_exact(16).take(128).map(|piece| {
        let mut name = [0; 16];
        name.copy_from_slice(piece);
        RecordName::new(name)
    });
    pieces.chain((0..64_u8).map(|number| RecordName::of_block(&[number])))
}
