//! Holds the model against real indexes:
//! `cargo run --release -p uds-sizing --example check [PATH]..`
//!
//! On generated data with known reuse distances, or on the blocks of all files under the given
//! paths, each of six sizes of index, dense and sparse, is really filled, scaled down so that the
//! data is too much for it; and one pass of the model answers for all twelve, once with all names
//! in its sample and once with few of them. What is printed are percent of the blocks that were
//! found.

#[path = "../tests/it/real.rs"]
mod real;

use std::fs;
use std::io::Read;
use std::path::Path;

use real::{PATTERNS, SIZES, Scale};
use uds_geometry::RecordName;
use uds_sizing::{Curve, Found};

/// Names of the generated data.
const POSTS: usize = 2_000_000;
/// Slots of the whole sample, and of the small one, as powers of two.
const SAMPLES: [u32; 2] = [22, 17];

/// The largest distance between a model and a real index, in percentage points.
#[derive(Default)]
struct Worst {
    dense: [f64; 2],
    sparse: [f64; 2],
}

fn main() -> std::io::Result<()> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let mut worst = Worst::default();
    if paths.is_empty() {
        let scale = Scale { chapter_pages: 16, chapters: 64 };
        for (seed, pattern) in (1..).zip(&PATTERNS) {
            let names = pattern.names(scale, POSTS, seed);
            compare(pattern.name, scale, &names, &mut worst);
        }
    }
    for path in paths {
        let mut names = Vec::new();
        read(Path::new(&path), &mut names)?;
        // The largest dense window holds a half of the blocks, so that all sizes are too small.
        let chapters = 64;
        let pages = (names.len() / (16 * 2 * 128 * chapters)).clamp(1, 512);
        let scale = Scale { chapter_pages: pages as u32, chapters: chapters as u32 };
        compare(&Path::new(&path).display().to_string(), scale, &names, &mut worst);
    }
    println!("largest distance in percentage points, all names / few names:");
    println!("  dense  {:5.2} / {:5.2}", worst.dense[0], worst.dense[1]);
    println!("  sparse {:5.2} / {:5.2}", worst.sparse[0], worst.sparse[1]);
    Ok(())
}

fn compare(title: &str, scale: Scale, names: &[RecordName], worst: &mut Worst) {
    let curves = SAMPLES.map(|bits| real::modelled(scale, bits, names));
    let [all, few] = &curves;
    println!(
        "{title}: {} blocks, {:.2}% duplicate; 256M stands for {} records; few: one name in {}",
        names.len(),
        percent(all, all.unlimited),
        scale.window(),
        few.sampled_one_in
    );
    println!("        dense                             sparse");
    println!("size    real  model  few names +-         real  model  few names +-");
    for (row, size) in SIZES.into_iter().enumerate() {
        print!("{:4}", size.name);
        for (column, is_sparse) in [false, true].into_iter().enumerate() {
            let real = 100.0 * real::real_share(&scale.configuration(size, is_sparse), names);
            let place = 2 * row + column;
            let modelled = [all, few].map(|curve| percent(curve, curve.found[place]));
            let error = 100.0 * few.found[place].error_bytes as f64 / few.observed.bytes as f64;
            print!("  {real:6.2} {:6.2}  {:6.2} {error:5.2}     ", modelled[0], modelled[1]);
            let worst = if is_sparse { &mut worst.sparse } else { &mut worst.dense };
            for (worst, modelled) in worst.iter_mut().zip(modelled) {
                *worst = worst.max((modelled - real).abs());
            }
        }
        println!();
    }
    println!();
}

fn percent(curve: &Curve, found: Found) -> f64 {
    100.0 * found.bytes as f64 / curve.observed.bytes.max(1) as f64
}

/// Appends the names of all blocks under `path` that are not zero, in the order of file names.
fn read(path: &Path, names: &mut Vec<RecordName>) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        return entries.iter().try_for_each(|entry| read(&entry.path(), names));
    }
    if !metadata.is_file() {
        return Ok(());
    }
    let mut file = fs::File::open(path)?;
    loop {
        let mut block = Vec::with_capacity(4096);
        if Read::by_ref(&mut file).take(4096).read_to_end(&mut block)? == 0 {
            return Ok(());
        }
        block.resize(4096, 0);
        if block.iter().any(|&byte| byte != 0) {
            names.push(RecordName::of_block(&block));
        }
    }
}
