//! What an image proves by itself, with no index to ask.
//!
//! Every chapter that the case lists must be there and hash to what the case says; every record
//! in it must be named for the counter in its data, with a version that the program wrote; and
//! whatever the reference found outside of the open chapter must be on one of those pages.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use uds_geometry::Record;

use super::answers::Region;
use super::case::Case;
use super::chapters::Chapters;
use super::names::{counter_and_version, name_of_counter};

/// What was found in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    chapters: usize,
    records: usize,
    answers: usize,
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { chapters, records, answers } = self;
        write!(f, "{chapters} chapter hashes, {records} records and {answers} answers agree")
    }
}

/// Checks an unpacked image against its case.
pub(crate) fn check(case: &Case, image: &Path) -> Result<Evidence> {
    let records = check_chapters(case, image)?;
    check_records(case, &records)?;
    let answers = check_answers(case, &records)?;
    Ok(Evidence { chapters: case.chapters.len(), records: records.len(), answers })
}

/// Checks that the chapters of an image hash to what the case says. Returns their records.
pub(crate) fn check_chapters(case: &Case, image: &Path) -> Result<Vec<Record>> {
    let file = File::open(image).with_context(|| format!("cannot open {}", image.display()))?;
    let geometry = case.configuration()?.geometry();
    let mut chapters = Chapters::new(&geometry, case.offset_blocks, BufReader::new(file));
    let nonce = chapters.client_nonce()?;
    ensure!(nonce == case.nonce, "the index belongs to {nonce}, not to {}", case.nonce);
    let mut records = Vec::new();
    for listed in &case.chapters {
        let chapter = chapters.read(listed.slot, |record| records.push(record))?;
        let (slot, found, wanted) = (listed.slot, chapter.virtual_chapter, listed.virtual_chapter);
        ensure!(found == wanted, "slot {slot} holds chapter {found}, not {wanted}");
        let (found, wanted) = (hex(&chapter.sha256), hex(&listed.sha256));
        ensure!(found == wanted, "slot {slot} hashes to {found}, not {wanted}");
    }
    Ok(records)
}

/// Checks that each record is one that the program wrote.
fn check_records(case: &Case, records: &[Record]) -> Result<()> {
    for record in records {
        let Record { name, data } = record;
        let (counter, _) = counter_and_version(*data);
        ensure!(*name == name_of_counter(counter), "{name} is not the name of counter {counter}");
        ensure!(case.writes(counter, *data), "{name} has data {data}, which nothing wrote");
    }
    Ok(())
}

/// Checks that what was found in closed chapters is on a page, and returns how much it is.
fn check_answers(case: &Case, records: &[Record]) -> Result<usize> {
    let stored: HashSet<_> = records.iter().map(|record| record.data).collect();
    let mut count = 0;
    for counter in case.answers.counters() {
        let Some(found) = case.answers.expected(counter) else { continue };
        if found.region != Region::Open {
            ensure!(stored.contains(&found.data), "counter {counter} is on no page of the image");
            count += 1;
        }
    }
    Ok(count)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::super::case::tests::small;
    use super::super::names::data_of;
    use super::*;

    fn record(counter: u64, version: u64) -> Record {
        Record { name: name_of_counter(counter), data: data_of(counter, version) }
    }

    // Guards against images whose pages hold something else than the program made.
    #[test]
    fn foreign_records_are_found() {
        let case = small();
        assert!(check_records(&case, &[record(5, 0), record(10, 0), record(11, 5)]).is_ok());
        let renamed = Record { name: name_of_counter(6), ..record(5, 0) };
        let error = check_records(&case, &[renamed]).unwrap_err().to_string();
        assert!(error.contains("is not the name of counter 5"), "{error}");
        for other in [record(5, 5), record(41, 0)] {
            let error = check_records(&case, &[other]).unwrap_err().to_string();
            assert!(error.contains("which nothing wrote"), "{error}");
        }
    }

    // Guards against answers that the image cannot have given.
    #[test]
    fn missing_records_are_found() {
        let case = small();
        let mut records: Vec<_> = (0..10).chain(20..40).map(|c| record(c, 0)).collect();
        assert_eq!(check_answers(&case, &records).unwrap(), 30);
        records.remove(7);
        let error = check_answers(&case, &records).unwrap_err().to_string();
        assert_eq!(error, "counter 7 is on no page of the image");
    }

    // Guards the chain from the file to the hash: an empty image proves nothing.
    #[test]
    fn an_image_without_chapters_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(check(&small(), file.path()).is_err());
    }
}
