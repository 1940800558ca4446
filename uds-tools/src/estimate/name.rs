//! How a block gets its name, and which blocks need none.

use uds_geometry::{NAME_BYTES, Nonce, RecordName};

/// Bytes of a block, VDO's and ours.
pub(crate) const BLOCK_BYTES: usize = 4096;

/// The nonce of an index that was made for BLAKE3's names: `blake3-1` in ASCII. An index does not
/// know how names are made, and names of two hashes in one index never meet.
pub(crate) const BLAKE3_NONCE: Nonce = Nonce::new(0x626c_616b_6533_2d31);

/// The hash whose first 16 bytes name a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Naming {
    /// MurmurHash3 x64-128 with VDO's seed: the name that VDO gives the block.
    #[default]
    Murmur,
    /// BLAKE3, which nobody can make collide on purpose.
    Blake3,
}

impl Naming {
    /// The name as `--hash` and the JSON object spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Murmur => "murmur",
            Self::Blake3 => "blake3",
        }
    }

    /// The nonce of a new index for these names, where the user chose none.
    pub(crate) fn nonce(self) -> Nonce {
        match self {
            Self::Murmur => Nonce::default(),
            Self::Blake3 => BLAKE3_NONCE,
        }
    }

    /// The name of a block.
    pub(crate) fn name(self, block: &[u8]) -> RecordName {
        match self {
            Self::Murmur => RecordName::of_block(block),
            Self::Blake3 => {
                let mut name = [0; NAME_BYTES];
                name.copy_from_slice(&blake3::hash(block).as_bytes()[..NAME_BYTES]);
                RecordName::new(name)
            }
        }
    }

    /// The names of two equally long blocks, in less time if the hash has a way.
    pub(crate) fn names(self, first: &[u8], second: &[u8]) -> [RecordName; 2] {
        match self {
            Self::Murmur => RecordName::of_blocks(first, second),
            Self::Blake3 => [self.name(first), self.name(second)],
        }
    }
}

/// Whether all bytes of a block are zero.
pub(crate) fn is_zero(block: &[u8]) -> bool {
    // Whole pieces without an early exit inside, so that the compiler can use vectors; nearly
    // every block that holds data is told by its first piece.
    block.chunks(256).all(|piece| piece.iter().fold(0, |all, byte| all | byte) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a zero test that skips bytes at the edges of its pieces.
    #[test]
    fn one_bit_anywhere_makes_a_block_not_zero() {
        let mut block = [0; BLOCK_BYTES];
        assert!(is_zero(&block));
        for place in [0, 1, 255, 256, 2047, 4094, 4095] {
            block[place] = 0x80;
            assert!(!is_zero(&block), "byte {place}");
            block[place] = 0;
        }
    }

    // Guards the names themselves: an index made with other names would find nothing again.
    #[test]
    fn names_stay_what_they_are() {
        let fox = b"The quick brown fox jumps over the lazy dog";
        let murmur = Naming::Murmur.name(fox).to_string();
        assert_eq!(murmur, "43796d74e3938645c389397e23fcfd54");
        let blake3 = Naming::Blake3.name(fox).to_string();
        assert_eq!(blake3, "2f1514181aadccd913abd94cfa592701");
    }
}
