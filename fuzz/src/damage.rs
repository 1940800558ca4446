//! Damage to an image, as a program that the fuzzer writes.

use std::ops::Range;

use uds_geometry::murmur3_x64_128;

use crate::bases::{BLOCK, Base};
use crate::input::Input;

/// The most steps of a program.
const MAX_STEPS: u8 = 32;

/// An image under attack.
pub(crate) struct Damage<'a> {
    base: &'a Base,
    regions: Vec<Range<usize>>,
    pub(crate) image: Vec<u8>,
}

impl<'a> Damage<'a> {
    /// No damage yet.
    pub(crate) fn new(base: &'a Base) -> Self {
        Self { base, regions: base.regions(), image: base.image.clone() }
    }

    /// Reads a program of damage, and carries it out.
    pub(crate) fn run(&mut self, input: &mut Input<'_>) {
        for _ in 0..input.byte() % (MAX_STEPS + 1) {
            self.step(input);
        }
    }

    /// Overwrites bytes of one region, place and bytes given by the rest of the input.
    pub(crate) fn patch_region(&mut self, region: u8, input: &mut Input<'_>) {
        let region = self.regions[usize::from(region) % self.regions.len()].clone();
        while !input.is_empty() {
            let at = region.start + usize::from(input.short()) % region.len();
            let count = usize::from(input.byte()) + 1;
            let count = if count > 250 { usize::from(input.short()) } else { count };
            let bytes = input.take(count.min(region.end - at));
            self.image[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// A place in the image: a region, and an offset in it.
    fn place(&self, input: &mut Input<'_>) -> usize {
        let region = &self.regions[usize::from(input.byte()) % self.regions.len()];
        region.start + usize::from(input.short()) % region.len()
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.byte() % 10;
        let at = self.place(input);
        let Some(left) = self.image.len().checked_sub(at).filter(|&left| left > 0) else { return };
        match kind {
            0 => self.image[at] ^= 1 << (input.byte() % 8),
            1 => self.image[at] = input.byte(),
            2 => {
                let count = usize::from(input.short()).min(left);
                self.image[at..at + count].fill(input.byte());
            }
            3 => {
                let count = usize::from(input.byte()) + 1;
                let bytes = input.take(count.min(left));
                self.image[at..at + bytes.len()].copy_from_slice(bytes);
            }
            4 => {
                let (to, count) = (self.place(input), usize::from(input.short()) + 1);
                let count = count.min(left).min(self.image.len().saturating_sub(to));
                self.image.copy_within(at..at + count, to.min(at + left));
            }
            5 => self.swap(at, input, BLOCK),
            6 => self.swap(at, input, 512),
            7 => self.swap(at, input, 32),
            8 => {
                // Numbers a little too large or too small, of up to eight bytes.
                let count = (1 << (input.byte() % 4)).min(left);
                let mut number = [0; 8];
                number[..count].copy_from_slice(&self.image[at..at + count]);
                let step = i64::from(input.byte() as i8);
                let number = u64::from_le_bytes(number).wrapping_add_signed(step).to_le_bytes();
                self.image[at..at + count].copy_from_slice(&number[..count]);
            }
            _ => match input.byte() % 8 {
                0 => self.image.truncate(at),
                1 => self.image.extend([0xa5; 100]),
                _ => self.mend_nonces(),
            },
        }
    }

    fn swap(&mut self, at: usize, input: &mut Input<'_>, unit: usize) {
        let (first, second) = (at / unit * unit, self.place(input) / unit * unit);
        if first.max(second) + unit <= self.image.len() {
            for within in 0..unit {
                self.image.swap(first + within, second + within);
            }
        }
    }

    /// Makes the nonces of the super block and of the save slots fit what they are computed from,
    /// so that what they protect is looked at.
    pub(crate) fn mend_nonces(&mut self) {
        let Some(info) = self.image.get(224..256) else { return };
        let super_nonce = hash(0xa1b1_e0fc, info);
        let mut start = [0; 16];
        start[0] = 2;
        let volume_nonce = hash(super_nonce.wrapping_add(1), &start);
        self.put(256, super_nonce);
        for slot in 0..2 {
            let block = self.base.slot_block(slot);
            let at = block as usize * BLOCK;
            let Some(count) = self.image.get(at + 20..at + 22) else { return };
            let payload = at + 24 + 24 * usize::from(u16::from_le_bytes([count[0], count[1]]));
            let Some(fields) = self.image.get(payload..payload + 20) else { return };
            let mut seal = [0; 32];
            seal[..8].copy_from_slice(&fields[..8]);
            seal[16..20].copy_from_slice(&fields[16..20]);
            seal[24..].copy_from_slice(&block.to_le_bytes());
            self.put(payload + 8, hash(volume_nonce.wrapping_add(1), &seal));
        }
    }

    fn put(&mut self, at: usize, number: u64) {
        if let Some(place) = self.image.get_mut(at..at + 8) {
            place.copy_from_slice(&number.to_le_bytes());
        }
    }
}

/// The hash of the nonces (specification, section 10.5).
fn hash(start: u64, data: &[u8]) -> u64 {
    let hash = murmur3_x64_128(data, (start ^ (start >> 27)) as u32);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[4..12]);
    u64::from_le_bytes(bytes)
}
