//! Record pages: writing and searching as many as a chapter of a 256M index has.

use uds_bench_support::{Digest, Suite, name, records};
use uds_geometry::{RECORD_BYTES, Record, RecordData, RecordName};
use uds_volume::{RecordPageEncoder, search_record_page, search_record_page_with};

const RECORDS: usize = 1024;
const PAGE_BYTES: usize = RECORDS * RECORD_BYTES;

/// Record pages and names, as many on each.
struct Pages {
    pages: Vec<u8>,
    names: Vec<RecordName>,
}

pub(crate) fn benchmarks(suite: &mut Suite) {
    let count = RECORDS as u32 * suite.size(64, 2);
    let setup = || {
        let pages = vec![0; count as usize * RECORD_BYTES];
        (RecordPageEncoder::new(RECORDS as u32), records(count), pages)
    };
    suite.bench("record-page.encode", count, setup, |(encoder, records, pages)| {
        encode(encoder, records, pages);
        let mut digest = Digest::new();
        // Of each record eight bytes: hashing all would take as long as the work.
        pages.chunks(RECORD_BYTES).for_each(|record| digest.add(word(record)));
        digest.finish()
    });
    searches(suite, "search", count, search_record_page);
    // Its last resort, down the tree of a page.
    searches(suite, "walk", count, |page, name| search_record_page_with(page, name, |_| ()));
}

/// Look-ups of names by a way to search a page: of those on it, and of those on no page.
fn searches<S>(suite: &mut Suite, way: &str, count: u32, search: S)
where
    S: Fn(&[u8], &RecordName) -> Option<RecordData>,
{
    for (what, first) in [("hit", 0), ("miss", 1 << 32)] {
        let setup = || Pages::new(count, first);
        suite.bench(&format!("record-page.{way}-{what}"), count, setup, |it| it.search(&search));
    }
}

fn encode(encoder: &mut RecordPageEncoder, records: &[Record], pages: &mut [u8]) {
    for (records, page) in records.chunks(RECORDS).zip(pages.chunks_mut(PAGE_BYTES)) {
        encoder.encode(records, page).expect("the sizes are those of a page");
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

impl Pages {
    /// Pages of the first records, and the names of counters from `first` on.
    fn new(count: u32, first: u64) -> Self {
        let mut pages = vec![0; count as usize * RECORD_BYTES];
        encode(&mut RecordPageEncoder::new(RECORDS as u32), &records(count), &mut pages);
        Self { pages, names: (first..first + u64::from(count)).map(name).collect() }
    }

    fn search(&mut self, search: impl Fn(&[u8], &RecordName) -> Option<RecordData>) -> u64 {
        let mut digest = Digest::new();
        for (page, names) in self.pages.chunks(PAGE_BYTES).zip(self.names.chunks(RECORDS)) {
            for name in names {
                let found = search(page, name);
                let data = found.map_or([0xff; 16], |data| *data.as_bytes());
                digest.add(u128::from_le_bytes(data) as u64);
            }
        }
        digest.finish()
    }
}
