//! An index page as the specification's section 3.10 describes it: no more than is needed to
//! tell its defined bits from its undefined ones.
//!
//! This is written apart from the library's own page reader, on purpose: each checks the other.

use anyhow::{Result, ensure};
use uds_geometry::{INDEX_PAGE_HEADER_BYTES, INDEX_PAGE_OFFSET_BITS, VirtualChapter};

/// Bytes of ones that end every index page.
const GUARD_BYTES: usize = 7;
const HEADER_BITS: usize = 8 * INDEX_PAGE_HEADER_BYTES as usize;
const OFFSET_BITS: usize = INDEX_PAGE_OFFSET_BITS as usize;

/// The header of an index page, and where its lists end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexPage {
    pub(crate) nonce: u64,
    pub(crate) virtual_chapter: VirtualChapter,
    pub(crate) first_list: u16,
    pub(crate) list_count: u16,
    /// The first bit after the last list.
    end: usize,
}

impl IndexPage {
    /// Reads and verifies a page.
    pub(crate) fn read(page: &[u8]) -> Result<Self> {
        let smallest = (HEADER_BITS + OFFSET_BITS).div_ceil(8) + GUARD_BYTES;
        ensure!(page.len() >= smallest, "the page has {} bytes, too few", page.len());
        let field = |bit, width| bits(page, bit, width);
        let list_count = field(144, 16) as usize;
        let limit = (8 * page.len() - HEADER_BITS) / OFFSET_BITS;
        // One more than lists, because there is an offset for the end, too.
        ensure!(list_count < limit, "list count is {list_count}, but must be below {limit}");
        let offset = |list: usize| field(HEADER_BITS + OFFSET_BITS * list, OFFSET_BITS) as usize;
        let wanted = HEADER_BITS + OFFSET_BITS * (list_count + 1);
        ensure!(offset(0) == wanted, "the lists start at bit {}, not at {wanted}", offset(0));
        for list in 0..list_count {
            ensure!(offset(list) <= offset(list + 1), "list {list} ends before it starts");
        }
        let guard = page.len() - GUARD_BYTES;
        let end = offset(list_count);
        ensure!(end <= 8 * guard, "the lists end at bit {end}, inside the guard");
        ensure!(page[guard..].iter().all(|&byte| byte == 0xff), "the guard is not all ones");
        Ok(Self {
            nonce: field(0, 64),
            virtual_chapter: VirtualChapter::new(field(64, 64)),
            first_list: field(128, 16) as u16,
            list_count: list_count as u16,
            end,
        })
    }

    /// Zeroes the bits that the format leaves undefined: from the end of the last list to the
    /// guard.
    pub(crate) fn zero_undefined(&self, page: &mut [u8]) {
        let guard = page.len() - GUARD_BYTES;
        let whole = self.end.div_ceil(8);
        if self.end % 8 != 0 {
            page[whole - 1] &= (1 << (self.end % 8)) - 1;
        }
        page[whole..guard].fill(0);
    }
}

/// The number of `width` bits at a bit offset, its lowest bit first.
fn bits(bytes: &[u8], bit: usize, width: usize) -> u64 {
    let mut number = 0;
    for at in 0..width {
        let one = bytes[(bit + at) / 8] >> ((bit + at) % 8) & 1;
        number |= u64::from(one) << at;
    }
    number
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The page of the specification's example 14.3.
    const EXAMPLE: [u8; 64] = [
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x02, 0x00, 0xd9, 0x00, 0x78, 0x07, 0x80, 0x47, 0x00, 0x04, 0x32, 0x80,
        0x00, 0xa6, 0xee, 0xef, 0x52, 0x2d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff,
    ];

    /// A page without lists.
    pub(crate) fn empty(bytes: usize, chapter: u64, first_list: u16) -> Vec<u8> {
        let mut page = vec![0; bytes];
        page[8..16].copy_from_slice(&chapter.to_le_bytes());
        page[16..18].copy_from_slice(&first_list.to_le_bytes());
        page[20..22].copy_from_slice(&179_u16.to_le_bytes());
        page[bytes - GUARD_BYTES..].fill(0xff);
        page
    }

    // Guards the header's fields and the table (example 14.3).
    #[test]
    fn the_example_is_read() {
        let wanted = IndexPage {
            nonce: 0x1122_3344_5566_7788,
            virtual_chapter: VirtualChapter::new(5),
            first_list: 0,
            list_count: 2,
            end: 286,
        };
        assert_eq!(IndexPage::read(&EXAMPLE).unwrap(), wanted);
        assert_eq!(IndexPage::read(&empty(64, 9, 3)).unwrap().end, 179);
    }

    // Guards the hash against junk that the reference leaves on pages, and the lists and the
    // guard against being zeroed along.
    #[test]
    fn undefined_bits_are_zeroed_and_no_others() {
        let mut page = EXAMPLE;
        page[35] |= 0b1100_0000;
        page[36..57].fill(0xa5);
        let header = IndexPage::read(&page).unwrap();
        assert_ne!(page, EXAMPLE);
        header.zero_undefined(&mut page);
        assert_eq!(page, EXAMPLE);
    }

    // Guards against pages of something else, and against reading beyond the page.
    #[test]
    fn broken_pages_are_refused() {
        let broken = [
            (18, 0xff, "list count"),
            (18, 0x01, "start at bit"),
            (23, 0x00, "list 0 ends before"),
            (25, 0x00, "list 1 ends before"),
            (60, 0xfe, "guard is not"),
        ];
        for (at, value, wanted) in broken {
            let mut page = EXAMPLE;
            page[at] = value;
            let error = IndexPage::read(&page).unwrap_err().to_string();
            assert!(error.contains(wanted), "byte {at}: {error}");
        }
        assert!(IndexPage::read(&EXAMPLE[..20]).is_err());
        assert!(IndexPage::read(&[]).is_err());
        let mut page = EXAMPLE;
        page[25] = 0xff;
        page[26] = 0xff;
        assert!(IndexPage::read(&page).unwrap_err().to_string().contains("inside the guard"));
    }
}
