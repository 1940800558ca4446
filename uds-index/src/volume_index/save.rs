//! The saved form of a dense volume index: one stream a zone (specification, section 9.9).
//!
//! | part | what |
//! |---|---|
//! | header, 40 bytes | `MI5-0005`, volume nonce, low, high (u64); first list, list count (u32) |
//! | flush chapters | a u64 for each list of the zone |
//! | delta lists | header, sizes, then an item for each list that is not empty |
//! | guard item | `z` and seven zeroes |
//!
//! A save can be loaded into another number of zones than it was made with.

use std::io::{Read, Write};

use uds_delta_index::{DeltaZone, ListTag, Restoration, SavedZone, read_guard, write_guard};
use uds_geometry::{Nonce, SubIndexParameters, VirtualChapter, ZoneCount, ZoneId};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::sub_index::{SubIndexZone, zone_configuration};
use crate::IndexError;
use crate::error::{Reading, leading_bytes};
use crate::sync::Arc;

const MAGIC: [u8; 8] = *b"MI5-0005";
/// Flush chapters that are read or written at once.
const CHAPTERS_AT_ONCE: usize = 1024;

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: [u8; 8],
    nonce: U64,
    low: U64,
    high: U64,
    first_list: U32,
    list_count: U32,
}

const _: () = assert!(size_of::<RawHeader>() == 40);

/// Writes one zone's stream.
pub(crate) fn save(
    index: &SubIndexZone,
    zone: ZoneId,
    zones: ZoneCount,
    nonce: Nonce,
    out: &mut impl Write,
) -> Result<(), IndexError> {
    let lists = index.lists();
    let (low, high) = index.window();
    let header = RawHeader {
        magic: MAGIC,
        nonce: nonce.get().into(),
        low: low.into(),
        high: high.into(),
        first_list: lists.first_list().get().into(),
        list_count: lists.list_count().into(),
    };
    out.write_all(header.as_bytes()).map_err(IndexError::from_stream)?;
    for chapters in index.flush_chapters().chunks(CHAPTERS_AT_ONCE) {
        let bytes: Vec<u8> = chapters.iter().flat_map(|chapter| chapter.to_le_bytes()).collect();
        out.write_all(&bytes).map_err(IndexError::from_stream)?;
    }
    lists.write_header(zone, zones, out)?;
    lists.write_lists(ListTag::Dense, out)?;
    Ok(write_guard(out)?)
}

/// A saved volume index, ready to be read.
pub(crate) struct Saved<R> {
    /// One stream for each zone that was saved, in order.
    pub(crate) streams: Vec<R>,
    /// The nonce of the volume that the index must belong to.
    pub(crate) nonce: Nonce,
    /// The chapter that must have been open.
    pub(crate) newest: VirtualChapter,
    /// The block where the first stream begins, for error messages.
    pub(crate) first_block: u64,
}

/// What the headers of all streams say together.
struct Window {
    low: u64,
    flush_chapters: Vec<u64>,
}

/// Reads a saved volume index into `zones` new zones.
///
/// # Errors
///
/// [`IndexError::Corrupt`] and [`IndexError::VolumeIndex`] where the streams make no sense,
/// [`IndexError::OutOfMemory`], and whatever reading them gives.
pub(crate) fn load<R: Read>(
    mut saved: Saved<R>,
    parameters: &Arc<SubIndexParameters>,
    zones: ZoneCount,
) -> Result<Vec<SubIndexZone>, IndexError> {
    let reading = Reading { structure: "saved volume index", block: saved.first_block };
    let streams = saved.streams.len();
    let stream_count = u8::try_from(streams).ok().and_then(ZoneCount::new).ok_or_else(|| {
        reading.corrupt("number of zones", streams as u64, uds_geometry::MAX_ZONES.into())
    })?;
    let list_count = parameters.list_count;
    let mut window = Window { low: 0, flush_chapters: Vec::new() };
    let bytes = u64::from(list_count) * 8;
    let out_of_memory = |_| IndexError::OutOfMemory { what: "volume index", bytes };
    window.flush_chapters.try_reserve_exact(list_count as usize).map_err(out_of_memory)?;
    let mut headers = Vec::new();
    for stream in stream_count.zones() {
        headers.push(read_headers(&mut saved, stream, stream_count, list_count, &mut window)?);
    }
    let mut lists = zones
        .zones()
        .map(|zone| Ok(DeltaZone::new(&zone_configuration(parameters, zone, zones)?)?))
        .collect::<Result<Vec<_>, IndexError>>()?;
    let restoration = Restoration::begin(headers, &mut lists)?;
    for (stream, input) in stream_count.zones().zip(&mut saved.streams) {
        restoration.read_lists(stream, ListTag::Dense, input, &mut lists)?;
        read_guard(stream, input)?;
    }
    let high = saved.newest.get();
    lists
        .into_iter()
        .map(|lists| {
            let first = lists.first_list().get() as usize;
            let end = first + lists.list_count() as usize;
            let mut index = SubIndexZone::with_lists(parameters, lists, zones)?;
            index.restore_window(window.low, high, &window.flush_chapters[first..end]);
            Ok(index)
        })
        .collect()
}

/// Reads what precedes the list items of one stream.
fn read_headers<R: Read>(
    saved: &mut Saved<R>,
    stream: ZoneId,
    stream_count: ZoneCount,
    list_count: u32,
    window: &mut Window,
) -> Result<SavedZone, IndexError> {
    let reading = Reading { structure: "saved volume index", block: saved.first_block };
    let input = &mut saved.streams[usize::from(stream.get())];
    let mut header = RawHeader::new_zeroed();
    input.read_exact(header.as_mut_bytes()).map_err(IndexError::from_stream)?;
    reading.check("magic", leading_bytes(&header.magic), leading_bytes(&MAGIC))?;
    reading.check("nonce", header.nonce.get(), saved.nonce.get())?;
    let (low, high) = (header.low.get(), header.high.get());
    reading.check("newest chapter", high, saved.newest.get())?;
    if low > high {
        return Err(reading.corrupt("oldest chapter", low, high));
    }
    window.low = window.low.max(low);
    let done = window.flush_chapters.len() as u64;
    let (first, count) = (u64::from(header.first_list.get()), u64::from(header.list_count.get()));
    reading.check("first delta list", first, done)?;
    let most = u64::from(list_count) - done;
    if count > most {
        return Err(reading.corrupt("number of delta lists", count, most));
    }
    read_chapters(input, count as usize, &mut window.flush_chapters)?;
    let zone = SavedZone::read(input, stream, stream_count, list_count)?;
    reading.check("first delta list", zone.first_list().get(), first)?;
    reading.check("number of delta lists", zone.list_count(), count)?;
    Ok(zone)
}

fn read_chapters(
    input: &mut impl Read,
    count: usize,
    chapters: &mut Vec<u64>,
) -> Result<(), IndexError> {
    let end = chapters.len() + count;
    let mut buffer = [U64::ZERO; CHAPTERS_AT_ONCE];
    while chapters.len() < end {
        let part = &mut buffer[..(end - chapters.len()).min(CHAPTERS_AT_ONCE)];
        input.read_exact(part.as_mut_bytes()).map_err(IndexError::from_stream)?;
        chapters.extend(part.iter().map(|chapter| chapter.get()));
    }
    Ok(())
}
