//! The super block, the configuration, and the seal (specification, sections 10.3 to 10.5).

use std::io;

use super::bytes::{Image, number};
use super::murmur;
use super::regions::{ONLY, Table, tiled};
use super::report::Report;
use super::rule::Rule;

/// What the super block is the source of.
pub(super) struct Nonces {
    /// The nonce of index pages and saved volume indexes.
    pub(super) volume: u64,
}

/// Checks the blocks around the volume and the saves.
pub(super) fn check(image: &Image, report: &mut Report) -> io::Result<Nonces> {
    let (shape, offset) = (&image.subject.shape, image.subject.offset);
    let (volume, save) = (shape.volume_blocks(), shape.save_blocks());
    let mut regions = tiled(
        offset,
        &[
            (1, 1, ONLY),
            (1, 100, ONLY),
            (volume, 201, ONLY),
            (save, 202, 0),
            (save, 202, 1),
            (1, 102, ONLY),
        ],
    );
    // The sub-index covers the volume and the saves.
    regions.splice(2..2, tiled(offset + 2, &[(volume + 2 * save, 101, 0)]));
    let table = Table {
        place: "super block".into(),
        block: offset,
        covered: shape.total_blocks(),
        kind: 1,
        payload: 104,
        regions,
    };
    let payload = table.check(image, report)?;
    let field = |at: usize, width| number(&payload, at - 192, width);
    let primary = murmur::primary(&payload[32..64]);
    let place = "super block";
    report.equal(
        Rule::SuperLabel,
        place,
        &&payload[..32],
        &&b"*ALBIREO*SINGLE*FILE*LAYOUT*001*"[..],
    );
    report.equal(Rule::SuperNonce, place, &field(256, 8), &primary);
    report.equal(Rule::SuperVersion, place, &field(264, 4), &3);
    report.equal(Rule::SuperBlockSize, place, &field(268, 4), &4096);
    report.equal(Rule::SuperIndexes, place, &field(272, 2), &1);
    report.equal(Rule::SuperSaves, place, &field(274, 2), &2);
    report.equal(Rule::SuperZero, place, &field(276, 4), &0);
    report.equal(Rule::SuperOpenChapter, place, &field(280, 8), &shape.open_chapter_blocks());
    report.equal(Rule::SuperPageMap, place, &field(288, 8), &shape.page_map_blocks());
    configuration(image, report)?;
    if image.subject.ours {
        let seal = image.blocks(offset + shape.total_blocks() - 1, 1)?;
        report.zero(Rule::SealUntouched, "seal", &seal);
    }
    Ok(Nonces { volume: murmur::volume(primary, offset + 2) })
}

fn configuration(image: &Image, report: &mut Report) -> io::Result<()> {
    let shape = &image.subject.shape;
    let bytes = image.blocks(image.subject.offset + 1, 1)?;
    let place = "configuration";
    let field = |at, width| number(&bytes, at, width);
    report.equal(Rule::ConfigMagic, place, &&bytes[..5], &&b"ALBIC"[..]);
    report.equal(Rule::ConfigVersion, place, &&bytes[5..10], &&b"06.02"[..]);
    let geometry = [field(10, 4), field(14, 4), field(18, 4)];
    let wanted = [shape.record_pages, shape.chapters, shape.sparse_chapters];
    report.equal(Rule::ConfigGeometry, place, &geometry, &wanted);
    report.equal(Rule::ConfigCache, place, &field(22, 4), &shape.cache_chapters);
    report.equal(Rule::ConfigZero, place, &field(26, 4), &0);
    report.equal(Rule::ConfigMeanDelta, place, &field(30, 4), &4096);
    report.equal(Rule::ConfigPageSize, place, &field(34, 4), &shape.page);
    report.equal(Rule::ConfigSampleRate, place, &field(38, 4), &shape.sample_rate);
    report.equal(Rule::ConfigNonce, place, &field(42, 8), &image.subject.nonce);
    report.zero(Rule::ConfigRest, place, &bytes[50..]);
    Ok(())
}
