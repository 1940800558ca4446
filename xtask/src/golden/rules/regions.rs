//! Header blocks: a region table and its payload (specification, sections 10.1 and 10.2).

use std::io;

use super::bytes::{Image, number};
use super::report::Report;
use super::rule::Rule;

/// A region as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) start: u64,
    pub(super) blocks: u64,
    pub(super) kind: u64,
    pub(super) instance: u64,
}

/// The instance of what there is only one of.
pub(super) const ONLY: u64 = 65_535;

/// A header block as it must be.
pub(super) struct Table {
    /// Its name in messages.
    pub(super) place: String,
    pub(super) block: u64,
    pub(super) covered: u64,
    pub(super) kind: u64,
    pub(super) payload: u64,
    pub(super) regions: Vec<Region>,
}

/// Regions one after the other, from a block on.
pub(super) fn tiled(first: u64, parts: &[(u64, u64, u64)]) -> Vec<Region> {
    let mut start = first;
    let mut regions = Vec::new();
    for &(blocks, kind, instance) in parts {
        regions.push(Region { start, blocks, kind, instance });
        start += blocks;
    }
    regions
}

impl Table {
    /// Checks a header block, and returns its payload.
    pub(super) fn check(&self, image: &Image, report: &mut Report) -> io::Result<Vec<u8>> {
        let bytes = image.blocks(self.block, 1)?;
        let place = &self.place;
        report.equal(Rule::TableMagic, place, &&bytes[..8], &&b"10ngRblA"[..]);
        report.equal(Rule::TableBlocks, place, &number(&bytes, 8, 8), &self.covered);
        report.equal(Rule::TableType, place, &number(&bytes, 16, 2), &self.kind);
        report.equal(Rule::TableVersion, place, &number(&bytes, 18, 2), &1);
        let count = self.regions.len();
        report.equal(Rule::TableCount, place, &number(&bytes, 20, 2), &(count as u64));
        report.equal(Rule::TablePayload, place, &number(&bytes, 22, 2), &self.payload);
        for (at, wanted) in self.regions.iter().enumerate() {
            let place = format!("{place}, region {at}");
            let field = |offset, width| number(&bytes, 24 + 24 * at + offset, width);
            let (found, tile) = ((field(0, 8), field(8, 8)), (wanted.start, wanted.blocks));
            report.equal(Rule::RegionTiling, &place, &found, &tile);
            report.equal(Rule::RegionZero, &place, &field(16, 4), &0);
            let (found, kind) = ((field(20, 2), field(22, 2)), (wanted.kind, wanted.instance));
            report.equal(Rule::RegionKind, &place, &found, &kind);
        }
        let payload = 24 + 24 * count;
        let rest = payload + self.payload as usize;
        report.zero(Rule::TableRest, place, &bytes[rest..]);
        Ok(bytes[payload..rest].to_vec())
    }
}
