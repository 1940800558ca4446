//! The saved form of a volume index: one stream a zone (specification, section 9.9).
//!
//! | part | what | where |
//! |---|---|---|
//! | sparse header, 12 bytes | `MI6-0001`, sample rate (u32) | sparse |
//! | head of the non-hook sub-index | see below | always |
//! | head of the hook sub-index | see below | sparse |
//! | lists of the non-hook sub-index | an item for each list that is not empty | always |
//! | lists of the hook sub-index | the same | sparse |
//! | guard item | `z` and seven zeroes | always |
//!
//! | part of a head | what |
//! |---|---|
//! | header, 40 bytes | `MI5-0005`, volume nonce, low, high (u64); first list, list count (u32) |
//! | flush chapters | a u64 for each list of the zone |
//! | delta lists | header, sizes |
//!
//! A save can be loaded into another number of zones than it was made with. Its sample rate must be
//! that of the index (trap 10).

use std::io::{Read, Write};

use uds_delta_index::{DeltaZone, ListTag, Restoration, SavedZone, read_guard, write_guard};
use uds_geometry::{
    Nonce, SubIndexParameters, VirtualChapter, VolumeIndexParameters, ZoneCount, ZoneId,
};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::sub_index::{SubIndexZone, zone_configuration};
use super::zone::VolumeIndexZone;
use crate::IndexError;
use crate::error::{Reading, leading_bytes};
use crate::sync::Arc;

mod heads;
mod walk;

pub(crate) use heads::read_all_heads;
pub(crate) use walk::{Declared, WalkedList, walk};

const STRUCTURE: &str = "saved volume index";
const MAGIC: [u8; 8] = *b"MI5-0005";
const SPARSE_MAGIC: [u8; 8] = *b"MI6-0001";
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

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawSparseHeader {
    magic: [u8; 8],
    sample_rate: U32,
}

const _: () = assert!(size_of::<RawSparseHeader>() == 12);

/// Writes one zone's stream.
pub(crate) fn save(
    index: &VolumeIndexZone,
    parameters: &VolumeIndexParameters,
    zone: ZoneId,
    zones: ZoneCount,
    nonce: Nonce,
    out: &mut impl Write,
) -> Result<(), IndexError> {
    let is_sparse = parameters.hook.is_some();
    if is_sparse {
        let header =
            RawSparseHeader { magic: SPARSE_MAGIC, sample_rate: parameters.sample_rate.into() };
        out.write_all(header.as_bytes()).map_err(IndexError::from_stream)?;
    }
    index.with_parts(|part, _| save_head(part, zone, zones, nonce, out))?;
    index.with_parts(|part, is_hook| part.lists().write_lists(tag(is_sparse, is_hook), out))?;
    Ok(write_guard(out)?)
}

/// What the list items of a sub-index are marked with.
fn tag(is_sparse: bool, is_hook: bool) -> ListTag {
    match (is_sparse, is_hook) {
        (false, _) => ListTag::Dense,
        (true, false) => ListTag::NonHook,
        (true, true) => ListTag::Hook,
    }
}

/// Writes what precedes the list items of a sub-index.
fn save_head(
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
    let mut bytes = Vec::with_capacity(CHAPTERS_AT_ONCE * size_of::<u64>());
    for list in lists.lists() {
        bytes.extend_from_slice(&index.flush_chapter(list)?.to_le_bytes());
        if bytes.len() == bytes.capacity() {
            out.write_all(&bytes).map_err(IndexError::from_stream)?;
            bytes.clear();
        }
    }
    out.write_all(&bytes).map_err(IndexError::from_stream)?;
    Ok(lists.write_header(zone, zones, out)?)
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

/// A sub-index that is being read.
struct Part<'a> {
    parameters: &'a SubIndexParameters,
    tag: ListTag,
    stream_count: ZoneCount,
    headers: Vec<SavedZone>,
    /// What the headers of all streams say together.
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
    parameters: &Arc<VolumeIndexParameters>,
    zones: ZoneCount,
) -> Result<Vec<VolumeIndexZone>, IndexError> {
    let (mut non_hook, mut hook) = read_heads(&mut saved, parameters)?;
    let stream_count = non_hook.stream_count;
    let (mut lists, restoration) = non_hook.begin(zones)?;
    let mut hooks = hook.as_mut().map(|hook| hook.begin(zones)).transpose()?;
    for (stream, input) in stream_count.zones().zip(&mut saved.streams) {
        restoration.read_lists(stream, non_hook.tag, input, &mut lists)?;
        if let Some((lists, restoration)) = &mut hooks {
            restoration.read_lists(stream, ListTag::Hook, input, lists)?;
        }
        read_guard(stream, input)?;
    }
    let high = saved.newest.get();
    let mut hooks = match (hook, hooks) {
        (Some(part), Some((lists, _))) => part.finish(lists, high, zones)?.into_iter(),
        _ => Vec::new().into_iter(),
    };
    let non_hooks = non_hook.finish(lists, high, zones)?;
    let zone = |non_hook| VolumeIndexZone::of(parameters, non_hook, hooks.next());
    Ok(non_hooks.into_iter().map(zone).collect())
}

/// Reads what precedes the list items in all streams.
fn read_heads<'a, R: Read>(
    saved: &mut Saved<R>,
    parameters: &'a VolumeIndexParameters,
) -> Result<(Part<'a>, Option<Part<'a>>), IndexError> {
    let reading = Reading { structure: STRUCTURE, block: saved.first_block };
    let streams = saved.streams.len();
    let stream_count = u8::try_from(streams).ok().and_then(ZoneCount::new).ok_or_else(|| {
        reading.corrupt("number of zones", streams as u64, uds_geometry::MAX_ZONES.into())
    })?;
    let hook = parameters.hook.as_ref();
    let mut non_hook = Part::new(&parameters.non_hook, tag(hook.is_some(), false), stream_count)?;
    let mut hook = hook.map(|hook| Part::new(hook, tag(true, true), stream_count)).transpose()?;
    for stream in stream_count.zones() {
        if hook.is_some() {
            let input = &mut saved.streams[usize::from(stream.get())];
            read_sparse_header(input, &reading, parameters.sample_rate)?;
        }
        non_hook.read_head(saved, stream)?;
        if let Some(hook) = &mut hook {
            hook.read_head(saved, stream)?;
        }
    }
    Ok((non_hook, hook))
}

impl<'a> Part<'a> {
    /// Nothing of a sub-index yet.
    fn new(
        parameters: &'a SubIndexParameters,
        tag: ListTag,
        stream_count: ZoneCount,
    ) -> Result<Self, IndexError> {
        let bytes = u64::from(parameters.list_count) * 8;
        let out_of_memory = |_| IndexError::OutOfMemory { what: "volume index", bytes };
        let mut flush_chapters = Vec::new();
        flush_chapters.try_reserve_exact(parameters.list_count as usize).map_err(out_of_memory)?;
        let headers = Vec::new();
        Ok(Self { parameters, tag, stream_count, headers, low: 0, flush_chapters })
    }

    /// Lays out the lists in new zones.
    fn begin(&mut self, zones: ZoneCount) -> Result<(Vec<DeltaZone>, Restoration), IndexError> {
        let new = |zone| Ok(DeltaZone::new(&zone_configuration(self.parameters, zone, zones)?)?);
        let mut lists = zones.zones().map(new).collect::<Result<Vec<_>, IndexError>>()?;
        let headers = std::mem::take(&mut self.headers);
        let restoration = Restoration::begin(headers, &mut lists)?;
        Ok((lists, restoration))
    }

    /// The zones, with their lists.
    fn finish(
        self,
        lists: Vec<DeltaZone>,
        high: u64,
        zones: ZoneCount,
    ) -> Result<Vec<SubIndexZone>, IndexError> {
        let zone = |lists: DeltaZone| {
            let first = lists.first_list().get() as usize;
            let end = first + lists.list_count() as usize;
            let mut index = SubIndexZone::with_lists(self.parameters, lists, zones);
            let flush_chapters = self.flush_chapters[first..end].iter().copied();
            index.restore_window(self.low, high, flush_chapters)?;
            Ok(index)
        };
        lists.into_iter().map(zone).collect()
    }

    /// Reads what precedes the list items in one stream. Returns its window.
    fn read_head<R: Read>(
        &mut self,
        saved: &mut Saved<R>,
        stream: ZoneId,
    ) -> Result<(u64, u64), IndexError> {
        let reading = Reading { structure: STRUCTURE, block: saved.first_block };
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
        // Where memory is short it may be shorter, but never longer: entries of chapters that do
        // not fit the bits of an entry would be taken for others, and expire with them.
        // (An index that was just converted had one chapter more.)
        let chapters = u64::from(self.parameters.rounded_chapter_count);
        let least = high.saturating_add(1).saturating_sub(chapters);
        if low < least {
            return Err(reading.corrupt("oldest chapter", low, least));
        }
        self.low = self.low.max(low);
        let list_count = self.parameters.list_count;
        let done = self.flush_chapters.len() as u64;
        let (first, count) =
            (u64::from(header.first_list.get()), u64::from(header.list_count.get()));
        reading.check("first delta list", first, done)?;
        let most = u64::from(list_count) - done;
        if count > most {
            return Err(reading.corrupt("number of delta lists", count, most));
        }
        read_chapters(input, count as usize, &mut self.flush_chapters)?;
        let zone = SavedZone::read(input, stream, self.stream_count, list_count)?;
        reading.check("first delta list", zone.first_list().get(), first)?;
        reading.check("number of delta lists", zone.list_count(), count)?;
        self.headers.push(zone);
        Ok((low, high))
    }
}

/// Reads what precedes the heads of a sparse index.
fn read_sparse_header(
    input: &mut impl Read,
    reading: &Reading,
    sample_rate: u32,
) -> Result<(), IndexError> {
    let mut header = RawSparseHeader::new_zeroed();
    input.read_exact(header.as_mut_bytes()).map_err(IndexError::from_stream)?;
    reading.check("magic", leading_bytes(&header.magic), leading_bytes(&SPARSE_MAGIC))?;
    reading.check("sample rate", header.sample_rate.get(), sample_rate)
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
