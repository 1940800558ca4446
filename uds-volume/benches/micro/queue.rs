//! The read queue: a look-up is queued, a reader thread reads the page and answers, and the zone
//! takes the answer.
//!
//! The record pages that are asked for, one record on each, are more than the page cache has room
//! for and come in the same order each time, so that none is ever there. The storage is memory:
//! what is left is the handing over, the copy of a page, and the search on it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use uds_bench_support::{Digest, Suite, name, record};
use uds_geometry::{
    Configuration, CustomConfiguration, Geometry, Nonce, RecordName, RecordPageNumber,
    VirtualChapter, ZoneId,
};
use uds_volume::{
    ChapterScratch, FinishedRead, Lookup, MemoryStorage, Progress, ReadCompletion, Readers,
    Searcher, Volume,
};

/// How many look-ups are under way at most.
const IN_FLIGHT: [usize; 2] = [1, 16];

/// Sends finished reads to the zone.
#[derive(Debug)]
struct Answers(Sender<FinishedRead>);

impl ReadCompletion for Answers {
    fn finished(&self, reads: &mut Vec<FinishedRead>) {
        // The zone may be gone already.
        reads.drain(..).for_each(|read| drop(self.0.send(read)));
    }
}

/// A record that is asked for, and where it is.
type Asked = (VirtualChapter, RecordPageNumber, RecordName);

/// A zone that has pages read. The fields end in their order.
struct Zone {
    searcher: Searcher,
    asked: Vec<Asked>,
    answers: Receiver<FinishedRead>,
    _readers: Readers,
}

pub(crate) fn benchmarks(suite: &mut Suite) {
    let geometry = geometry();
    let pages = 4 * geometry.cache_slots();
    for in_flight in IN_FLIGHT {
        let setup = || Zone::new(&geometry, pages);
        let title = format!("read-queue.{in_flight}");
        suite.bench(&title, pages, setup, |zone| zone.ask_all(in_flight));
    }
}

/// Small pages, so that their copying is not what takes the time, in enough chapters.
fn geometry() -> Geometry {
    let custom = CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 32,
        chapters_per_volume: 40,
        sparse_chapters_per_volume: 0,
        cache_chapters: 2,
        sample_rate: 0,
    };
    Configuration::custom(&custom).expect("the numbers fit together").geometry()
}

impl Zone {
    fn new(geometry: &Geometry, pages: u32) -> Self {
        let storage = Arc::new(MemoryStorage::new(geometry.bytes_per_volume()));
        let volume = Volume::new(storage, geometry.clone(), 0, Nonce::new(1));
        let volume = volume.expect("the storage fits");
        let mut scratch = ChapterScratch::new(geometry).expect("there is memory");
        let per_chapter = u64::from(geometry.records_per_chapter());
        let mut asked = Vec::new();
        for chapter in 0..u64::from(pages.div_ceil(geometry.record_pages_per_chapter())) {
            let counters = chapter * per_chapter..(chapter + 1) * per_chapter;
            let records: Vec<_> = counters.clone().map(record).collect();
            let chapter = VirtualChapter::new(chapter);
            volume.write_chapter(chapter, &records, &[], &mut scratch).expect("memory is sound");
            let first_of_page = counters.step_by(geometry.records_per_page() as usize);
            let pages = (0..).map(RecordPageNumber::new);
            asked.extend(pages.zip(first_of_page).map(|(page, at)| (chapter, page, name(at))));
        }
        asked.truncate(pages as usize);
        let (sender, answers) = channel();
        let completion: Arc<dyn ReadCompletion> = Arc::new(Answers(sender));
        let readers = Arc::new(volume).start_readers(1, &completion).expect("there are none yet");
        let searcher = readers.searcher(ZoneId::ZERO).expect("it is the zone's first");
        Self { searcher, asked, answers, _readers: readers }
    }

    /// Asks for all records, and hashes the answers in the order of the questions.
    fn ask_all(&mut self, in_flight: usize) -> u64 {
        let mut found = vec![u64::MAX; self.asked.len()];
        let (mut sent, mut done) = (0, 0);
        while done < self.asked.len() {
            while sent < self.asked.len() && sent - done < in_flight {
                let (chapter, page, name) = &self.asked[sent];
                let asked = self.searcher.look_up(*chapter, name, Some(*page), sent as u64);
                let asked = asked.expect("the readers are there");
                assert_eq!(asked, Lookup::Queued, "the page of question {sent} is cached");
                sent += 1;
            }
            let read = self.answers.recv().expect("each look-up is answered");
            done += 1;
            if let Ok(Progress::Found(data)) = read.outcome {
                found[read.token as usize] = u128::from_le_bytes(*data.as_bytes()) as u64;
            }
        }
        let mut digest = Digest::new();
        found.into_iter().for_each(|data| digest.add(data));
        digest.finish()
    }
}
