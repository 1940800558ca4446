//! The saved form of an open chapter (specification, section 5.5).
//!
//! | bytes | field |
//! |---|---|
//! | 0..5 | `ALBOC` |
//! | 5..10 | `02.00` |
//! | 10..14 | record count, u32 |
//! | 14.. | records of 32 bytes: the first of each zone in turn, then the second, ... |

use std::io::{Read, Write};

use uds_geometry::{RECORD_BYTES, Record, ZoneId};

use super::{OpenChapter, Put};
use crate::IndexError;
use crate::error::{Reading, UncleanReason, leading_bytes};

const STRUCTURE: &str = "saved open chapter";
const MAGIC: [u8; 5] = *b"ALBOC";
const VERSION: [u8; 5] = *b"02.00";
/// Bytes before the first record.
const HEADER_BYTES: usize = 14;

/// Writes the records of all zones' parts.
pub(crate) fn save(zones: &[&OpenChapter], out: &mut impl Write) -> Result<(), IndexError> {
    let write =
        |out: &mut dyn Write, bytes: &[u8]| out.write_all(bytes).map_err(IndexError::from_stream);
    let count: usize = zones.iter().map(|zone| zone.live_count()).sum();
    write(out, &MAGIC)?;
    write(out, &VERSION)?;
    write(out, &(count as u32).to_le_bytes())?;
    let longest = zones.iter().map(|zone| zone.records().len()).max().unwrap_or(0);
    for index in 0..longest {
        for zone in zones {
            match zone.records().get(index) {
                Some(record) if !zone.is_deleted(index) => write(out, &record.to_bytes())?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// The record count in the header of a saved open chapter, which begins at block `place`.
///
/// # Errors
///
/// [`IndexError::NotSavedCleanly`] where the header was wiped, [`IndexError::Corrupt`] where it
/// is something else.
pub(crate) fn read_header(input: &mut impl Read, place: u64) -> Result<u32, IndexError> {
    let mut header = [0; HEADER_BYTES];
    input.read_exact(&mut header).map_err(IndexError::from_stream)?;
    if header == [0; HEADER_BYTES] {
        return Err(IndexError::NotSavedCleanly { reason: UncleanReason::WrittenSince });
    }
    let reading = Reading { structure: STRUCTURE, block: place };
    reading.check("magic", leading_bytes(&header[..5]), leading_bytes(&MAGIC))?;
    reading.check("version", leading_bytes(&header[5..10]), leading_bytes(&VERSION))?;
    Ok(u32::from_le_bytes([header[10], header[11], header[12], header[13]]))
}

/// Reads a saved open chapter, which begins at block `place`, into the zones' empty parts.
///
/// `zone_of` says which part a record belongs to; that can be another than when it was saved.
/// No part is filled to its last place, so that none has to be closed before it is used: records
/// beyond that are dropped. Returns how many were.
pub(crate) fn load(
    zones: &mut [OpenChapter],
    zone_of: impl Fn(&Record) -> ZoneId,
    records_per_chapter: u32,
    input: &mut impl Read,
    place: u64,
) -> Result<u64, IndexError> {
    let count = read_header(input, place)?;
    if count > records_per_chapter {
        let reading = Reading { structure: STRUCTURE, block: place };
        return Err(reading.corrupt("record count", count.into(), records_per_chapter.into()));
    }
    let mut dropped = 0;
    for _ in 0..count {
        let mut bytes = [0; RECORD_BYTES];
        input.read_exact(&mut bytes).map_err(IndexError::from_stream)?;
        let record = Record::from_bytes(&bytes);
        let zone = &mut zones[usize::from(zone_of(&record).get())];
        if zone.space() <= 1 {
            dropped += 1;
            continue;
        }
        match zone.put(&record.name, &record.data) {
            Put::Stored { .. } => {}
            Put::Full => dropped += 1,
        }
    }
    Ok(dropped)
}
