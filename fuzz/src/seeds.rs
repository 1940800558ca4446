//! What the fuzzer starts from, made anew each time: whole and damaged structures of our own, and
//! those with which the reference can be led astray (row B9).
//!
//! The pieces of the reference's own images come from the example `seeds`, which has a decoder.

use crate::bases::{BASES, BLOCK, Base, base};
use uds_geometry::VolumeIndexParameters;

/// The seeds of a target.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "index_page" => index_pages(),
        "saved_lists" => saved_lists(),
        "record_page" => record_pages(),
        "page_map" => page_maps(),
        "slot" => slots(),
        "region" => regions(),
        "image" => images(),
        _ => Vec::new(),
    }
}

/// Seeds of index pages: the first pages of each base.
fn index_pages() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for number in 0..BASES as u8 {
        let pages = &base(number).image[3 * BLOCK..];
        let geometry = u8::from(number == 5);
        for page in pages.chunks(BLOCK).take(3) {
            for flags in [0, 1, 4] {
                seeds.push([&[geometry, flags], page].concat());
            }
            seeds.push([&[geometry, 2], &*big_endian(page)].concat());
            seeds.push([&[geometry, 3], &*big_endian(page)].concat());
        }
    }
    seeds
}

/// A page as old writers on big-endian machines had it.
fn big_endian(page: &[u8]) -> Vec<u8> {
    let mut page = page.to_vec();
    for field in [0..8, 8..16, 16..18, 18..20] {
        page[field].reverse();
    }
    page
}

/// Seeds of saved delta indexes: one list with some entries, in one zone and several, and more bits
/// than there is memory for (B9).
fn saved_lists() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    // Four bytes of an entry each, the last two bits of which are the start of a long code.
    let list: Vec<u8> = (0..60_u8).flat_map(|number| [number, 0x5a, number << 2, 0x80]).collect();
    for (streams, zones) in [(0, 0), (0, 2), (1, 0), (2, 1), (2, 2)] {
        for flags in 0..8 {
            for size in [0_u16, 22, 200, 1900, u16::MAX] {
                let mut seed = vec![streams, zones, 7, flags];
                for _ in 0..=streams {
                    let mut stream = vec![0; 40];
                    stream.extend((0..8).flat_map(|_| size.to_le_bytes()));
                    stream.extend(&list);
                    seed.extend((stream.len() as u16).to_le_bytes());
                    seed.extend(stream);
                }
                seed.extend(
                    (0..=255_u8).flat_map(|number| [number, number / 3, number, number / 7]),
                );
                seeds.push(seed);
            }
        }
    }
    seeds
}

fn record_pages() -> Vec<Vec<u8>> {
    let image = &base(0).image;
    let page = &image[4 * BLOCK..5 * BLOCK];
    vec![page.to_vec(), page[..700].to_vec(), page[..96].repeat(5), vec![0; 256], Vec::new()]
}

fn page_maps() -> Vec<Vec<u8>> {
    let map = |geometry: u8, last: u16| {
        let mut seed = vec![geometry];
        seed.extend(b"ALBIPM02");
        seed.extend(7_u64.to_le_bytes());
        seed.extend(last.to_le_bytes());
        seed
    };
    let saved = base(5);
    let start = (saved.slot_block(0) as usize + 1) * BLOCK;
    let mut seeds = vec![[&[1], &saved.image[start..start + 64]].concat()];
    for geometry in 0..5 {
        seeds.extend([0, 1, 63, 1023, u16::MAX].map(|last| map(geometry, last)));
    }
    seeds
}

/// Patches of the header of an index page, its offsets, and its lists.
fn slots() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![0, 0, 0], vec![1, 1, 0]];
    for volume in 0..2 {
        for at in [0_u16, 8, 16, 18, 20, 22, 100, 600, 1500, 4088, 4096 + 18] {
            for bytes in [&[0xff; 2][..], &[0; 4], &[1]] {
                let mut seed = vec![volume, 1, 1];
                seed.extend(at.to_le_bytes());
                seed.push(bytes.len() as u8 - 1);
                seed.extend(bytes);
                seed.extend(3_u64.to_le_bytes());
                seeds.push(seed);
            }
        }
    }
    seeds
}

/// Where a number lies, in the places that a seed of the target `region` can name.
fn region_of(base: &Base, at: usize) -> (u8, u16) {
    let regions = base.regions();
    let region = regions.iter().position(|region| region.contains(&at)).unwrap_or(0);
    (region as u8, (at - regions[region].start) as u16)
}

/// An input of the target `region` that puts bytes in a place of a base.
fn patch(number: u8, flags: u8, at: usize, bytes: &[u8]) -> Vec<u8> {
    let (region, offset) = region_of(base(number), at);
    let mut seed = vec![number, region, flags];
    seed.extend(offset.to_le_bytes());
    seed.push(bytes.len() as u8 - 1);
    seed.extend(bytes);
    seed
}

/// The places of an image that the reference believes too much (B9): what super block and save
/// slots say of themselves, and what a saved volume index says of its lists.
fn traps(number: u8) -> Vec<(usize, Vec<u8>)> {
    let base = base(number);
    let parameters = VolumeIndexParameters::new(&base.configuration.geometry());
    let lists = parameters.map_or(1, |parameters| parameters.non_hook.list_count) as usize;
    let lists = lists.div_ceil(base.zones.into());
    let mut traps = vec![
        (20, vec![0xff, 0xff]),
        (20, vec![6]),
        (22, vec![0xff, 0xff]),
        (22, vec![0]),
        (274, vec![0xff, 0xff]),
        (272, vec![0]),
        (280, vec![0xff; 8]),
        (264, vec![7]),
        (264, vec![5]),
    ];
    for field in [10, 14, 18, 22, 26, 30, 34, 38] {
        for bytes in [&[0xff; 4][..], &[0; 4], &[2]] {
            traps.push((BLOCK + field, bytes.to_vec()));
        }
    }
    for slot in 0..2 {
        let start = base.slot_block(slot) as usize * BLOCK;
        traps.extend([8, 16, 18, 20, 22, 32, 44].map(|field| (start + field, vec![0xff, 0xff])));
        let payload = start + 24 + 24 * (3 + usize::from(base.zones));
        for field in [0, 16, 24, 28, 32, 40, 48] {
            traps.push((payload + field, vec![0xff; 8]));
            traps.push((payload + field, vec![9]));
            traps.push((payload + field, vec![0; 8]));
        }
        traps.push((start + 16, vec![1]));
        let map = start + BLOCK;
        traps.extend([(map, vec![0]), (map + 16, vec![0xff; 2]), (map + 20, vec![0; 2])]);
        let index = start + BLOCK * (1 + base.sizes.page_map_blocks as usize);
        let sparse = if base.configuration.sample_rate() > 0 { 12 } else { 0 };
        traps.push((index + 8, vec![3]));
        let index = index + sparse;
        // First list, number of lists, so that both together are beyond 32 bits.
        for field in [8, 16, 24, 32, 36] {
            traps.push((index + field, vec![0xff; 4]));
            traps.push((index + field, vec![1]));
        }
        traps.push((index + 32, [1_u32.to_le_bytes(), u32::MAX.to_le_bytes()].concat()));
        let header = index + 40 + 8 * lists;
        for field in [0, 8, 12, 16, 20, 24, 32] {
            traps.push((header + field, vec![0xff; 4]));
        }
        // Sizes that add up to more than there is.
        traps.push((header + 40, vec![0xff; 200]));
        let items = header + 40 + 2 * lists;
        traps.extend([0, 1, 2, 4, 8].map(|field| (items + field, vec![0xff; 3])));
        let open = base.slot_block(slot) + 1 + base.sizes.page_map_blocks;
        let zone_blocks = base.sizes.volume_index_blocks / u64::from(base.zones);
        let open = (open + zone_blocks * u64::from(base.zones)) as usize * BLOCK;
        traps.extend([0, 5, 10, 14, 30].map(|field| (open + field, vec![0xff; 4])));
        // An open chapter that was discarded, because chapters were written since, is back.
        traps.push((open, b"ALBOC02.00\x01\0\0\0".to_vec()));
    }
    let regions = base.regions();
    traps.retain(|(at, bytes)| {
        let fits =
            |region: &std::ops::Range<usize>| region.contains(at) && at + bytes.len() <= region.end;
        regions.iter().any(fits)
    });
    traps
}

fn regions() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for number in 0..BASES as u8 {
        for flags in 0..32 {
            seeds.push(vec![number, 0, flags]);
        }
        for (at, bytes) in traps(number) {
            seeds.push(patch(number, 1, at, &bytes));
            seeds.push(patch(number, 16, at, &bytes));
        }
    }
    seeds
}

/// Programs with one step of damage each, on every base, and with none.
fn images() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for number in 0..BASES as u8 {
        seeds.push(vec![number, 0, 0]);
        seeds.push(vec![number, 1 | 2 << 3, 0]);
        for (at, bytes) in traps(number) {
            let (region, offset) = region_of(base(number), at);
            let mut seed = vec![number, 0, 2, 3, region];
            seed.extend(offset.to_le_bytes());
            seed.push(bytes.len() as u8 - 1);
            seed.extend(&bytes);
            // Mend the nonces.
            seed.extend([9, 0, 0, 0, 7]);
            seeds.push(seed);
        }
        for region in 0..base(number).regions().len() as u8 {
            // A flipped bit; two blocks, two sectors, two records that change places; the end.
            seeds.push(vec![number, 0, 1, 0, region, 40, 0, 3]);
            for kind in 5..8 {
                seeds.push(vec![number, 0, 1, kind, region, 0, 0, region ^ 1, 96, 1]);
                // The same part of another chapter.
                seeds.push(vec![number, 0, 1, kind, region, 0, 0, region + 2, 0, 0]);
            }
            // A block of zeroes, and all of the region.
            seeds.push(vec![number, 0, 1, 2, region, 0, 0, 0, 16, 0]);
            seeds.push(vec![number, 0, 1, 2, region, 0, 0, 0xff, 0xff, 0]);
            seeds.push(vec![number, 0, 1, 9, region, 1, 0, 0]);
        }
    }
    // Operations of every kind, saves among them.
    let mut all = vec![0, 0, 0];
    all.extend((0..=255_u8).flat_map(|what| [what, what.wrapping_mul(31), 0]));
    seeds.push(all);
    seeds
}
