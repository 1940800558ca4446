//! Table 14.6, and the sizes of all legal configurations.

use super::*;
use crate::{Configuration, MemorySize};

// Guards the block counts of every region (table 14.6).
#[test]
fn index_sizes() {
    use Configuration as C;
    use MemorySize as M;
    let gb = |count| M::gigabytes(count).unwrap();
    let table: [(Configuration, [u64; 7]); 11] = [
        (C::dense(M::MB_256), [573_448, 52_321, 3, 513, 52_838, 679_127, 2_781_704_192]),
        (C::dense(M::MB_512), [1_155_080, 104_625, 7, 1025, 105_658, 1_366_399, 5_596_770_304]),
        (C::dense(M::MB_768), [1_736_712, 156_929, 10, 1537, 158_477, 2_053_669, 8_411_828_224]),
        (C::dense(M::GB_1), [2_310_152, 209_233, 13, 2049, 211_296, 2_732_747, 11_193_331_712]),
        (C::dense(gb(2)), [4_620_296, 435_889, 26, 2049, 437_965, 5_496_229, 22_512_553_984]),
        (C::dense(gb(4)), [9_240_584, 906_609, 51, 2049, 908_710, 11_058_007, 45_293_596_672]),
        (C::sparse(M::MB_256), [5_734_408, 43_380, 26, 513, 43_920, 5_822_251, 23_847_940_096]),
        (C::sparse(M::GB_1), [23_101_448, 173_421, 126, 2049, 175_597, 23_452_645, 96_062_033_920]),
        (C::dense(M::MB_256).reduced(), [572_888, 52_321, 3, 513, 52_838, 678_567, 2_779_410_432]),
        (
            C::dense(M::GB_1).reduced(),
            [2_307_896, 209_233, 13, 2049, 211_296, 2_730_491, 11_184_091_136],
        ),
        (
            C::sparse(M::MB_256).reduced(),
            [5_733_848, 43_380, 26, 513, 43_920, 5_821_691, 23_845_646_336],
        ),
    ];
    for (configuration, expected) in table {
        let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
        let found = [
            sizes.volume_blocks,
            sizes.volume_index_blocks,
            sizes.page_map_blocks,
            sizes.open_chapter_blocks,
            sizes.save_blocks(),
            sizes.total_blocks(),
            sizes.total_bytes(),
        ];
        assert_eq!(found, expected, "{configuration:?}");
    }
}

// Guards all 76 legal sizes against any change (row C13): the format is fixed by them.
#[test]
fn all_sizes_are_what_they_were() {
    let mut lines = Vec::new();
    for memory in MemorySize::all().take(19) {
        for (kind, base) in
            [("dense", Configuration::dense(memory)), ("sparse", Configuration::sparse(memory))]
        {
            for (form, configuration) in [("normal", base.clone()), ("reduced", base.reduced())] {
                let bytes = LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes();
                lines.push(format!("{memory:>4} {kind:<6} {form:<7} {bytes:>13}"));
            }
        }
    }
    assert_eq!(lines.len(), 76);
    assert!(lines.contains(&" 16G sparse normal  1540378144768".to_owned()), "row C13");
    insta::assert_snapshot!(lines.join("\n"));
}
