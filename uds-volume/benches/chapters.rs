//! Times of writing chapters and of finding records in them, all in memory.
//!
//! Prints nanoseconds and a hash of what was written. With `--test` it runs a few rounds only.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Instant;

use uds_geometry::{
    Configuration, MemorySize, Nonce, PhysicalChapter, Record, RecordData, RecordName,
    VirtualChapter, ZoneCount,
};
use uds_volume::{
    ChapterScratch, FinishedRead, Lookup, MemoryStorage, ReadCompletion, Searcher, Volume,
    VolumeError,
};

fn main() -> Result<(), VolumeError> {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 20 };
    let geometry = Configuration::dense(MemorySize::MB_256).geometry();
    let storage = Arc::new(MemoryStorage::new(geometry.bytes_per_volume()));
    let volume = Volume::new(storage, geometry.clone(), 0, Nonce::new(1))?;
    let records: Vec<Record> = (0..geometry.records_per_chapter())
        .map(|number| Record {
            name: RecordName::of_block(&number.to_le_bytes()),
            data: RecordData::new(u128::from(number).to_le_bytes()),
        })
        .collect();
    let mut scratch = ChapterScratch::new(&geometry)?;
    let chapter = VirtualChapter::new(3);

    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        volume.write_chapter(chapter, &records, &[], &mut scratch)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let per_record = 1e9 / records.len() as f64;
    println!("write a chapter: {:.1} ms, a record: {:.1} ns", best * 1e3, best * per_record);
    let mut pages = Vec::new();
    volume.read_index_pages(PhysicalChapter::new(3), &mut pages)?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&pages);

    for threads in [1, 2] {
        let mut best = f64::INFINITY;
        for _ in 0..rounds {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let (volume, records) = (&volume, &records);
                    scope.spawn(move || find_all(volume, chapter, records, thread));
                }
            });
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!(
            "find a cached record under the mutex, {threads} threads: {:.1} ns",
            best * per_record
        );
    }
    let volume = Arc::new(volume);
    let completion: Arc<dyn ReadCompletion> = Arc::new(NothingIsRead);
    let readers = volume.start_readers(1, &completion)?;
    for threads in [1, 2] {
        let zones = ZoneCount::new(threads).into_iter().flat_map(ZoneCount::zones);
        let mut searchers =
            zones.map(|zone| readers.searcher(zone)).collect::<Result<Vec<_>, _>>()?;
        let mut best = f64::INFINITY;
        for _ in 0..rounds {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for (thread, searcher) in searchers.iter_mut().enumerate() {
                    let records = &records;
                    scope.spawn(move || search_all(searcher, chapter, records, thread));
                }
            });
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("find a cached record with a pin, {threads} threads: {:.1} ns", best * per_record);
    }
    println!("result {:016x}", hasher.finish());
    Ok(())
}

/// All pages are cached.
#[derive(Debug)]
struct NothingIsRead;

impl ReadCompletion for NothingIsRead {
    fn finished(&self, reads: &mut Vec<FinishedRead>) {
        panic!("{reads:?} were read, although all pages are cached");
    }
}

/// Finds all records of a chapter without a lock, from a place on that depends on the thread.
fn search_all(searcher: &mut Searcher, chapter: VirtualChapter, records: &[Record], thread: usize) {
    let (early, late) = records.split_at(thread * 1000);
    for record in late.iter().chain(early) {
        let found = searcher.look_up(chapter, &record.name, None, 0);
        assert_eq!(found.ok(), Some(Lookup::Found(record.data)), "every record must be found");
    }
}

/// Finds all records of a chapter, from a place on that depends on the thread.
fn find_all(volume: &Volume, chapter: VirtualChapter, records: &[Record], thread: usize) {
    let (early, late) = records.split_at(thread * 1000);
    for record in late.iter().chain(early) {
        let found = volume.find_record(chapter, &record.name);
        assert_eq!(found.ok().flatten(), Some(record.data), "every record must be found");
    }
}
