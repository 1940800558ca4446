//! Records, their names and data, and the numbers drawn from a name (specification, section 1).

use std::fmt;

/// Bytes of a record's name.
pub const NAME_BYTES: usize = 16;
/// Bytes of a record's data.
pub const DATA_BYTES: usize = 16;
/// Bytes of a record: its name, then its data.
pub const RECORD_BYTES: usize = NAME_BYTES + DATA_BYTES;

/// The name of a record: 16 bytes that the caller supplies, uniformly distributed.
///
/// A hash of the data block is the usual choice; [`RecordName::of_block`] computes the one that
/// dm-vdo uses. The index never hashes a name itself.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RecordName([u8; NAME_BYTES]);

impl RecordName {
    /// The seed with which dm-vdo hashes its blocks.
    pub const VDO_SEED: u32 = 0x62ea_60be;

    /// Wraps the 16 bytes of a name.
    #[must_use]
    pub const fn new(bytes: [u8; NAME_BYTES]) -> Self {
        Self(bytes)
    }

    /// The name that dm-vdo gives to a block: `MurmurHash3` x64-128 with seed
    /// [`VDO_SEED`](Self::VDO_SEED).
    ///
    /// `MurmurHash3` is not a cryptographic hash: whoever chooses the data can make blocks
    /// collide. A user who must not trust the data compares the blocks, or names them with
    /// a cryptographic hash.
    #[must_use]
    pub fn of_block(block: &[u8]) -> Self {
        Self(crate::murmur3_x64_128(block, Self::VDO_SEED))
    }

    /// The names of two equally long blocks, as [`RecordName::of_block`] gives them, in less time.
    ///
    /// # Panics
    ///
    /// Panics if the lengths differ.
    #[must_use]
    pub fn of_blocks(first: &[u8], second: &[u8]) -> [Self; 2] {
        crate::murmur3_x64_128_pair(first, second, Self::VDO_SEED).map(Self)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; NAME_BYTES] {
        &self.0
    }

    /// `V`: the big-endian number of bytes 0..8, which places a name in the volume index.
    #[must_use]
    pub const fn volume_index_bits(&self) -> u64 {
        // Big-endian, unlike everything on storage: the format defines it so.
        let n = &self.0;
        u64::from_be_bytes([n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]])
    }

    /// `C`: the big-endian 48-bit number of bytes 8..14, which places a name in a chapter index
    /// and in the open chapter.
    #[must_use]
    pub const fn chapter_index_bits(&self) -> u64 {
        let n = &self.0;
        u64::from_be_bytes([0, 0, n[8], n[9], n[10], n[11], n[12], n[13]])
    }

    /// `S`: the big-endian number of bytes 14..16, by which a sparse index samples names.
    #[must_use]
    pub const fn sample_bits(&self) -> u16 {
        u16::from_be_bytes([self.0[14], self.0[15]])
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// What a record holds besides its name: 16 bytes that mean something to the caller only.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RecordData([u8; DATA_BYTES]);

impl RecordData {
    /// Wraps the 16 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; DATA_BYTES]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; DATA_BYTES] {
        &self.0
    }
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// A name and its data: 32 bytes, in memory as on storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// Which block this is.
    pub name: RecordName,
    /// Where the block lives.
    pub data: RecordData,
}

const _: () = assert!(size_of::<Record>() == RECORD_BYTES);

impl Record {
    /// Reads a record from its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let mut record = Self::default();
        record.name.0.copy_from_slice(&bytes[..NAME_BYTES]);
        record.data.0.copy_from_slice(&bytes[NAME_BYTES..]);
        record
    }

    /// The record's 32 bytes: the name, then the data.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..NAME_BYTES].copy_from_slice(&self.name.0);
        bytes[NAME_BYTES..].copy_from_slice(&self.data.0);
        bytes
    }
}

/// A 64-bit nonce: of the client, of the super block, of the volume or of a save
/// (specification, section 10.5).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Nonce(u64);

impl Nonce {
    /// Wraps a nonce.
    #[must_use]
    pub const fn new(nonce: u64) -> Self {
        Self(nonce)
    }

    /// The nonce as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the byte ranges and their big-endian order (example 14.4).
    #[test]
    fn bits_of_a_counting_name() {
        let name = RecordName::new(std::array::from_fn(|i| i as u8));
        assert_eq!(name.volume_index_bits(), 0x0001_0203_0405_0607);
        assert_eq!(name.chapter_index_bits(), 0x0809_0a0b_0c0d);
        assert_eq!(name.sample_bits(), 3599);
    }

    // Guards VDO's hash and its byte order (example 14.4).
    #[test]
    fn vdo_names_the_fox() {
        let name = RecordName::of_block(b"The quick brown fox jumps over the lazy dog");
        assert_eq!(name.to_string(), "43796d74e3938645c389397e23fcfd54");
        assert_eq!(name.sample_bits(), 64852);
    }

    // Guards the order of name and data in a stored record.
    #[test]
    fn a_record_survives_its_bytes() {
        let bytes: [u8; RECORD_BYTES] = std::array::from_fn(|i| i as u8);
        let record = Record::from_bytes(&bytes);
        assert_eq!(record.name.as_bytes()[0], 0);
        assert_eq!(record.data.as_bytes()[0], 16);
        assert_eq!(record.to_bytes(), bytes);
    }
}
