//! The target `saved_lists`: a saved delta index is restored, worked with, saved again, and
//! restored again.
//!
//! | byte | what |
//! |---|---|
//! | 0, 1 | streams and zones, 1 to 3 each |
//! | 2 | lists, 1 to 64 |
//! | 3 | bit 0: write the headers right; bit 1: write the items right, only lists can be wrong; |
//! |   | bit 2: misuse the restoration |
//! | 4.. | for each stream its length (u16) and its bytes; with bit 1, sizes and lists alone |
//! | then | operations of 4 bytes on the restored lists |

use uds_delta_index::{
    DeltaError, DeltaZone, InvariantViolation, ListTag, MergeScratch, Restoration, SavedZone,
    ZoneConfiguration, read_guard, write_guard,
};
use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber, RecordName, ZoneCount, ZoneId};

use crate::input::Input;

/// What the header of an input says.
struct Plan {
    streams: ZoneCount,
    zones: ZoneCount,
    lists: u32,
    has_headers: bool,
    has_items: bool,
    is_misused: bool,
}

/// Restores a save, works with it, and saves it again.
pub fn saved_lists(data: &[u8]) {
    let mut input = Input::new(data);
    let count = |byte: u8| ZoneCount::new(1 + byte % 3).expect("from 1 to 3");
    let (streams, zones) = (count(input.byte()), count(input.byte()));
    let lists = 1 + u32::from(input.byte()) % 64;
    let flags = input.byte();
    let (has_headers, has_items) = (flags & 3 != 0, flags & 2 != 0);
    let is_misused = flags & 4 != 0;
    let plan = Plan { streams, zones, lists, has_headers, has_items, is_misused };
    let inputs: Vec<Vec<u8>> =
        plan.streams.zones().map(|stream| plan.stream(stream, &mut input)).collect();
    let Ok(mut zones) = plan.restore(&inputs) else { return };
    let was_sound = zones.iter().all(|zone| zone.check_invariants().is_ok());
    while !input.is_empty() {
        let outcome = work(&mut zones, &mut input);
        assert!(!was_sound || is_fair(&outcome), "{outcome:?} on sound lists");
    }
    for zone in &zones {
        match zone.check_invariants() {
            Ok(_) => {}
            // Lists that were bad may stay so. The memory around them stays sound.
            Err(InvariantViolation::List(_) | InvariantViolation::Hint { .. }) if !was_sound => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    plan.save_and_restore(&zones);
}

/// Whether an operation on sound lists may end so.
fn is_fair(outcome: &Result<(), DeltaError>) -> bool {
    !matches!(outcome, Err(DeltaError::CorruptList { .. }))
}

impl Plan {
    /// Lists of all zones but the last.
    fn share(&self, parts: ZoneCount) -> u32 {
        self.lists.div_ceil(u32::from(parts.get()))
    }

    /// The first list of a part, and how many it has.
    fn part(&self, part: ZoneId, parts: ZoneCount) -> (u32, u32) {
        let first = (self.share(parts) * u32::from(part.get())).min(self.lists);
        (first, self.share(parts).min(self.lists - first))
    }

    /// A stream's bytes.
    fn stream(&self, stream: ZoneId, input: &mut Input<'_>) -> Vec<u8> {
        let length = input.short();
        let mut body = Input::new(input.take(length.into()));
        let mut header = [0; 40];
        let given = body.take(header.len());
        header[..given.len()].copy_from_slice(given);
        let (first, count) = self.part(stream, self.streams);
        if self.has_headers {
            header[..8].copy_from_slice(b"DI-00002");
            header[8..12].copy_from_slice(&u32::from(stream.get()).to_le_bytes());
            header[12..16].copy_from_slice(&u32::from(self.streams.get()).to_le_bytes());
            header[16..20].copy_from_slice(&first.to_le_bytes());
            header[20..24].copy_from_slice(&count.to_le_bytes());
            header[32..40].fill(0);
        }
        let mut bytes = header.to_vec();
        if !self.has_items {
            bytes.extend(body.rest());
            return bytes;
        }
        let sizes: Vec<u16> = (0..count).map(|_| body.short()).collect();
        bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        for (list, size) in (first..).zip(sizes).filter(|&(_, size)| size > 0) {
            let byte_count = size.div_ceil(8);
            bytes.extend([b'm', 0]);
            bytes.extend(byte_count.to_le_bytes());
            bytes.extend(list.to_le_bytes());
            let mut list = body.take(byte_count.into()).to_vec();
            list.resize(byte_count.into(), 0);
            bytes.extend(list);
        }
        write_guard(&mut bytes).expect("a vector takes everything");
        bytes
    }

    /// Empty zones.
    fn new_zones(&self) -> Vec<DeltaZone> {
        let new = |zone| {
            let (first, list_count) = self.part(zone, self.zones);
            new_zone(first, list_count, 10)
        };
        // Of few lists the last zones get none: then there are fewer zones.
        self.zones.zones().map_while(|zone| new(zone).ok()).collect()
    }

    fn restore(&self, inputs: &[Vec<u8>]) -> Result<Vec<DeltaZone>, DeltaError> {
        let mut inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let read = |(stream, input)| SavedZone::read(input, stream, self.streams, self.lists);
        let headers = self.streams.zones().zip(&mut inputs).map(read);
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        for header in &headers {
            assert_eq!(header.list_count() as usize, header.list_sizes().len());
            assert!(header.first_list().get() + header.list_count() <= self.lists);
            let _ = (header.records(), header.collisions());
        }
        let mut zones = self.new_zones();
        if self.is_misused {
            self.misuse(&headers, &mut inputs, zones)?;
            panic!("a misuse was not noticed");
        }
        let restoration = Restoration::begin(headers, &mut zones)?;
        for (stream, input) in self.streams.zones().zip(&mut inputs) {
            restoration.read_lists(stream, ListTag::Dense, input, &mut zones)?;
            read_guard(stream, input)?;
        }
        Ok(zones)
    }

    /// Does what callers must not: none of it panics, and all of it is an error.
    fn misuse(
        &self,
        headers: &[SavedZone],
        inputs: &mut [&[u8]],
        mut zones: Vec<DeltaZone>,
    ) -> Result<(), DeltaError> {
        assert!(Restoration::begin(headers.to_vec(), &mut []).is_err());
        assert!(new_zone(0, self.lists, 0).is_err() && new_zone(0, self.lists, 26).is_err());
        if let [first, _, ..] = &mut zones[..] {
            let first = std::slice::from_mut(first);
            assert!(Restoration::begin(headers.to_vec(), first).is_err(), "half of the zones");
        }
        zones.reverse();
        let count = zones.len();
        assert!(count < 2 || Restoration::begin(headers.to_vec(), &mut zones).is_err());
        zones.reverse();
        let restoration = Restoration::begin(headers.to_vec(), &mut zones)?;
        let far = ZoneCount::MAX.zones().last().expect("there are 16");
        let wrong = restoration.read_lists(far, ListTag::Dense, &mut &[][..], &mut zones);
        assert!(wrong.is_err(), "a stream that there is not");
        let zones = &mut zones[..0];
        restoration.read_lists(ZoneId::ZERO, ListTag::Dense, &mut inputs[0], zones)?;
        // There was nothing to read.
        Err(DeltaError::OutOfMemory { bytes: 0 })
    }

    /// What is saved comes back as it was.
    fn save_and_restore(&self, zones: &[DeltaZone]) {
        let count = ZoneCount::new(zones.len() as u8).expect("as many as were made");
        let save = |(id, zone): (ZoneId, &DeltaZone)| {
            let mut bytes = Vec::new();
            zone.write_header(id, count, &mut bytes).expect("a vector takes everything");
            zone.write_lists(ListTag::Dense, &mut bytes).expect("a vector takes everything");
            write_guard(&mut bytes).expect("a vector takes everything");
            bytes
        };
        let inputs: Vec<Vec<u8>> = count.zones().zip(zones).map(save).collect();
        let again = Plan { streams: count, is_misused: false, ..*self };
        let restored = match again.restore(&inputs) {
            Ok(restored) => restored,
            // Counts come from the header, which may have been wrong.
            Err(DeltaError::CorruptSave { field: "sum of collision counts", .. }) => return,
            Err(error) => panic!("what was saved cannot be restored: {error:?}"),
        };
        for (zone, other) in zones.iter().zip(&restored) {
            for list in zone.lists() {
                let all = |zone: &DeltaZone| {
                    let entries = zone.entries(list).expect("a list of the zone");
                    entries.map_while(Result::ok).collect::<Vec<_>>()
                };
                assert_eq!(zone.list_bits(list).ok(), other.list_bits(list).ok());
                assert_eq!(all(zone), all(other));
            }
        }
    }
}

/// A zone of some lists.
fn new_zone(first: u32, list_count: u32, value_bits: u32) -> Result<DeltaZone, DeltaError> {
    DeltaZone::new(&ZoneConfiguration {
        first_list: DeltaListNumber::new(first),
        list_count,
        memory_bytes: 65536,
        coding: DeltaCoding::new(4080).expect("the mean delta of volume indexes"),
        value_bits,
        key_bits: 20,
    })
}

/// Carries out one operation, on a list and a key that the input names.
fn work(zones: &mut [DeltaZone], input: &mut Input<'_>) -> Result<(), DeltaError> {
    let (what, list, key) = (input.byte(), input.byte(), input.short());
    let lists: u32 = zones.iter().map(DeltaZone::list_count).sum();
    let list = DeltaListNumber::new(u32::from(list) % lists);
    let zone = zones
        .iter_mut()
        .find(|zone| list.get() < zone.first_list().get() + zone.list_count())
        .expect("the zones have all lists");
    let (name, value) = (RecordName::new([key as u8; 16]), u32::from(key) % 1024);
    // Keys of up to 20 bits.
    let key = DeltaKey::new(u32::from(key) << (what >> 5));
    match what % 8 {
        0 | 1 => {
            let mut cursor = zone.find(list, key, &name)?;
            let named = cursor.matches(key).then_some(&name);
            let _ = zone.insert(&mut cursor, key, value, named)?;
        }
        2 | 3 => {
            let mut cursor = zone.find(list, key, &name)?;
            if cursor.matches(key) {
                assert!(zone.value(&cursor).is_some());
                zone.remove(&mut cursor)?;
            }
        }
        4 => {
            let mut cursor = zone.cursor(list)?;
            while !cursor.is_at_end() {
                zone.next(&mut cursor)?;
                assert_eq!(zone.collision_name(&cursor).is_some(), cursor.is_collision());
            }
        }
        5 => {
            zone.retain(list, |found| found % 2 == value % 2)?;
        }
        6 => {
            let step = |number: u32| (DeltaKey::new(key.get() + 3 * number), value);
            let entries: Vec<_> = (0..8).map(step).collect();
            let _ = zone.merge(list, &entries, &mut MergeScratch::default())?;
        }
        _ => {
            let cursor = zone.find(list, key, &name)?;
            if cursor.matches(key) {
                zone.set_value(&cursor, value)?;
            }
        }
    }
    Ok(())
}
