//! How long it takes to name a block, and to say where a name belongs.

use uds_bench_support::{Digest, Suite, name, run};
use uds_geometry::{Configuration, MemorySize, RecordName, VolumeIndexParameters, ZoneCount};

fn main() {
    run("geometry", |suite| {
        // A counter, as in tests and benchmarks, and a block of a file system.
        for bytes in [8, 4096] {
            murmur(suite, bytes);
        }
        murmur_pairs(suite);
        locate(suite);
    });
}

fn murmur(suite: &mut Suite, bytes: usize) {
    let blocks = suite.size(256, 16);
    let setup = || {
        let byte = |place| (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()[7];
        (0..blocks as usize * bytes).map(byte).collect::<Vec<u8>>()
    };
    suite.bench(&format!("murmur.{bytes}"), blocks, setup, |buffer| {
        let mut digest = Digest::new();
        for block in buffer.chunks(bytes) {
            digest.add_bytes(RecordName::of_block(block).as_bytes());
        }
        digest.finish()
    });
}

fn murmur_pairs(suite: &mut Suite) {
    const BYTES: usize = 4096;
    let blocks = suite.size(256, 16);
    let setup = || {
        let byte = |place| (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()[7];
        (0..blocks as usize * BYTES).map(byte).collect::<Vec<u8>>()
    };
    suite.bench("murmur.pairs.4096", blocks, setup, |buffer| {
        let mut digest = Digest::new();
        for pair in buffer.chunks_exact(2 * BYTES) {
            let (first, second) = pair.split_at(BYTES);
            for name in RecordName::of_blocks(first, second) {
                digest.add_bytes(name.as_bytes());
            }
        }
        digest.finish()
    });
}

fn locate(suite: &mut Suite) {
    let count = suite.size(4096, 64);
    let setup = || {
        let geometry = Configuration::dense(MemorySize::MB_256).geometry();
        let parameters = VolumeIndexParameters::new(&geometry).expect("256 MB is a size");
        (parameters.non_hook, (0..u64::from(count)).map(name).collect::<Vec<_>>())
    };
    let zones = ZoneCount::new(2).expect("there can be two zones");
    suite.bench("locate", count, setup, |(parameters, names)| {
        let mut digest = Digest::new();
        for name in names.iter() {
            let (list, key) = parameters.locate(name);
            let zone = parameters.zone_of(list, zones);
            digest.add(u64::from(list.get()) << 32 | u64::from(key.get()));
            digest.add(zone.get().into());
        }
        digest.finish()
    });
}
