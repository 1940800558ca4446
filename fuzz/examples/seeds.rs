//! Writes the seeds of all fuzz targets: `seeds FOLDER [GOLDEN_IMAGES]`, into a folder for each
//! target. Of the images of the reference implementation it takes the pieces that the decoders
//! read; where they are not there, it says so and goes on.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::{env, fs};

use uds_fuzz::{TARGETS, seeds};
use uds_geometry::Configuration;

/// Bytes of a page of these images.
const PAGE: usize = 32768;
/// Bytes of a block of the layout.
const BLOCK: usize = 4096;

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().unwrap_or_else(|| PathBuf::from("seeds"));
    for (target, _) in TARGETS {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        let seeds = seeds::seeds(target);
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("own-{number:04}")), seed)?;
        }
        println!("{target}: {} seeds of our own", seeds.len());
    }
    let Some(golden) = arguments.next().filter(|golden| golden.is_dir()) else {
        println!("there are no golden images here: seeds of our own only");
        return Ok(());
    };
    for entry in fs::read_dir(golden)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".img.zst") {
            let count = cut(&path, name, &folder)?;
            println!("{name}: {count} pieces");
        }
    }
    Ok(())
}

/// Cuts the first chapter of an image, and its saved page maps, into seeds.
fn cut(path: &Path, name: &str, folder: &Path) -> io::Result<usize> {
    let mut image = zstd::Decoder::new(File::open(path)?)?;
    let is_sparse = name.starts_with("sparse");
    let geometry = Configuration::tiny(is_sparse).geometry();
    // As the targets number them.
    let number = if is_sparse { 2 } else { 3 };
    // An index need not begin at the first block of its storage.
    let mut block = vec![0; BLOCK];
    while !block.starts_with(b"10ngRblA") {
        image.read_exact(&mut block)?;
    }
    // The config block and the header page of the volume lie before the first chapter.
    image.read_exact(&mut vec![0; BLOCK + PAGE])?;
    let mut count = 0;
    let mut put = |target: &str, what: String, parts: &[&[u8]]| {
        count += 1;
        fs::write(folder.join(target).join(format!("golden-{name}-{what}")), parts.concat())
    };
    let index_pages = geometry.index_pages_per_chapter();
    let mut page = vec![0; PAGE];
    for place in 0..geometry.pages_per_chapter() {
        image.read_exact(&mut page)?;
        if place < index_pages {
            put("index_page", place.to_string(), &[&[number, 0], &page])?;
        } else if place < index_pages + 3 {
            put("record_page", place.to_string(), &[&page])?;
        }
    }
    // The page maps of the save slots are found by their magic number, at the start of a block.
    let mut slots = 0;
    while slots < 2 && image.read_exact(&mut block).is_ok() {
        if block.starts_with(b"ALBIPM02") {
            put("page_map", slots.to_string(), &[&[number], &block])?;
            slots += 1;
        }
    }
    Ok(count)
}
