//! What a worker does with its blocks, a batch at a time: shows them to the observer, posts them to
//! an index if there is one, and counts for each file what was known.

use std::sync::Arc;

use uds_sizing::{Outcome, Reference, Stream};

use super::breakdown::AgeTally;
use super::compress::Compressor;
use super::observer::Observer;
use super::source::Source;
use super::target::IndexPoster;
use super::worker::{BATCH_NAMES, Block, Posted, Poster};

/// A worker's poster.
pub(crate) struct ScanPoster<'a> {
    observer: &'a Observer,
    index: Option<IndexPoster<'a>>,
    stream: Stream,
    references: Vec<Reference>,
    outcomes: Vec<Outcome>,
    /// The files of the batch, in order, and how many blocks of it each has.
    files: Vec<(Arc<Source>, usize)>,
    compressor: Compressor,
}

impl<'a> ScanPoster<'a> {
    pub(crate) fn new(observer: &'a Observer, index: Option<IndexPoster<'a>>) -> Self {
        Self {
            observer,
            index,
            stream: Stream::default(),
            references: Vec::with_capacity(BATCH_NAMES),
            outcomes: Vec::with_capacity(BATCH_NAMES),
            files: Vec::new(),
            compressor: Compressor::default(),
        }
    }

    /// Counts what was known of each file, and lets go of the files.
    fn count_files(&mut self) {
        let mut ages = AgeTally::default();
        let mut references = self.references.iter();
        let mut outcomes = self.outcomes.iter();
        for (source, blocks) in self.files.drain(..) {
            // What is new is counted, and not what is known: that is one block of a name that comes
            // a million times, in the sample or not.
            let (mut bytes, mut new) = (0_u64, 0_u64);
            for reference in references.by_ref().take(blocks) {
                let of_block = u64::from(reference.bytes);
                bytes += of_block;
                match outcomes.next() {
                    Some(&Outcome::New { weight }) => {
                        new = new.saturating_add(of_block.saturating_mul(weight));
                    }
                    Some(&Outcome::Known { weight, chapters_ago }) => {
                        ages.add(chapters_ago, of_block.saturating_mul(weight));
                    }
                    Some(Outcome::NotSampled) => {}
                    // Without a model nothing is known.
                    None => new = new.saturating_add(of_block),
                }
            }
            source.count(bytes, new);
        }
        self.observer.add_ages(&ages);
    }
}

impl Poster for ScanPoster<'_> {
    #[inline]
    fn add(&mut self, block: &Block<'_>) {
        // Chunks have at most 16 MiB.
        let bytes = block.bytes.len() as u32;
        self.references.push(Reference { name: block.name, bytes });
        match self.files.last_mut() {
            Some((source, blocks)) if Arc::ptr_eq(source, block.source) => *blocks += 1,
            _ => self.files.push((Arc::clone(block.source), 1)),
        }
        if let Some(key) = self.observer.wants(block) {
            let compressed = self.compressor.compressed_bytes(block.bytes);
            self.observer.add_compressed(key, bytes, compressed);
        }
        if let Some(index) = &mut self.index {
            index.add(block);
        }
    }

    fn waiting(&self) -> usize {
        self.references.len()
    }

    fn post(&mut self) -> Posted {
        self.outcomes.clear();
        self.observer.observe(&mut self.stream, &self.references, &mut self.outcomes);
        self.count_files();
        self.references.clear();
        self.index.as_mut().map_or_else(Posted::default, IndexPoster::post)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use uds_geometry::{RecordData, RecordName};
    use uds_sizing::Model;

    use super::*;
    use crate::estimate::Chunker;
    use crate::estimate::observer::{Question, candidates};
    use crate::estimate::source::Teller;

    // Guards what is told of a common block once names are sampled: in the sample or not, it must
    // not save more than there is of it, nor nothing.
    #[test]
    fn a_common_block_counts_for_what_there_is_of_it() {
        for hot in 0..40_u64 {
            let model = Model::with_sample_bits(&candidates(), 8).unwrap();
            let observer = Observer::new(Question::Deduplication, model, 0);
            let mut poster = ScanPoster::new(&observer, None);
            let post = |poster: &mut ScanPoster<'_>, path: &str, numbers: &[u64]| {
                let teller = Teller::new(Path::new("/").into(), &observer.breakdown);
                let mut pieces = Source::pieces(path.into(), (4096, 1), teller, 1 << 20);
                let piece = pieces.next().unwrap();
                for number in numbers {
                    let bytes = &[1; 4096];
                    let name = RecordName::of_block(&number.to_le_bytes());
                    let (data, source) = (RecordData::default(), &piece.source);
                    poster.add(&Block { name, data, place: 0, bytes, source });
                }
                poster.post();
            };
            let unique: Vec<u64> = (1000..5000).collect();
            post(&mut poster, "/unique", &unique);
            post(&mut poster, "/hot", &[hot; 4000]);
            assert!(observer.model().unwrap().sampled_one_in() >= 16);
            drop(poster);
            let savings = observer.savings(Chunker::Fixed, 0, 8000 * 4096, 4000 * 4096);
            let json = serde_json::to_value(&savings).unwrap();
            let file = &json["top_files"][0];
            assert_eq!(file["path"], "/hot", "{json}");
            let saved = file["saved_bytes"].as_u64().unwrap() / 4096;
            assert!((3900..=4000).contains(&saved), "block {hot}: {saved}");
            // All within the uncertainty of the 4,000 others.
            let by_age = json["by_age"].as_array().unwrap();
            let ages: u64 = by_age.iter().map(|row| row["saved_bytes"].as_u64().unwrap()).sum();
            assert!((2500..=5500).contains(&(ages / 4096)), "block {hot}: {ages}");
        }
    }
}
