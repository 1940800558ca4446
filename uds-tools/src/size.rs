//! `uds size`: memory, window and disk of an index, both ways round. Pure arithmetic.

use std::fmt::Write;

use serde::Serialize;
use uds_geometry::{Configuration, LayoutSizes, MemorySize};

use crate::cli::SizeArgs;
use crate::exit::{Exit, Failure};
use crate::output::{SCHEMA_VERSION, print};
use crate::units;

/// The sizes of the table that is printed when nothing is asked for.
const TABLE: [&str; 12] =
    ["256M", "512M", "768M", "1G", "2G", "4G", "8G", "16G", "64G", "256G", "512G", "1024G"];

/// One index, dense or sparse.
#[derive(Clone, Debug, Serialize)]
struct Size {
    memory: String,
    memory_bytes: u64,
    sparse: bool,
    window_records: u64,
    window_bytes: u64,
    disk_bytes: u64,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    block_size: u64,
    data_bytes: Option<u64>,
    sizes: Vec<Size>,
}

/// Runs the command.
pub(crate) fn run(arguments: &SizeArgs) -> Result<Exit, Failure> {
    let block_size = arguments.block_size;
    let sizes = match (arguments.data, arguments.memory) {
        (Some(data), _) => {
            let sizes: Vec<_> = [false, true]
                .into_iter()
                .filter_map(|sparse| smallest(data, block_size, sparse))
                .collect();
            if sizes.is_empty() {
                return Err(Failure::usage(format_args!(
                    "no index remembers {} in blocks of {}: the largest, sparse with 1024G \
                     of memory, remembers {}; divide the data among several indexes",
                    units::bytes(data),
                    units::bytes(block_size),
                    units::bytes(largest_window(block_size, true)),
                )));
            }
            sizes
        }
        (None, Some(memory)) => both(memory, block_size)?,
        (None, None) => table(block_size)?,
    };
    let report =
        Report { schema_version: SCHEMA_VERSION, block_size, data_bytes: arguments.data, sizes };
    print(arguments.format, || text(&report), &report)?;
    Ok(Exit::Done)
}

/// The configuration of a kind of index with so much memory.
pub(crate) const fn configuration(memory: MemorySize, sparse: bool) -> Configuration {
    if sparse { Configuration::sparse(memory) } else { Configuration::dense(memory) }
}

fn size_of(memory: MemorySize, block_size: u64, sparse: bool) -> Option<Size> {
    let geometry = configuration(memory, sparse).geometry();
    let records = geometry.records_per_volume();
    Some(Size {
        memory: memory.to_string(),
        memory_bytes: memory.bytes(),
        sparse,
        window_records: records,
        // No overflow, because of the limit on the size of a block.
        window_bytes: records * block_size,
        disk_bytes: LayoutSizes::new(&geometry).ok()?.total_bytes(),
    })
}

fn both(memory: MemorySize, block_size: u64) -> Result<Vec<Size>, Failure> {
    let sizes: Vec<_> = [false, true]
        .into_iter()
        .filter_map(|sparse| size_of(memory, block_size, sparse))
        .collect();
    if sizes.is_empty() {
        return Err(Failure::usage(format_args!("no index can have {memory} of memory")));
    }
    Ok(sizes)
}

fn table(block_size: u64) -> Result<Vec<Size>, Failure> {
    let mut sizes = Vec::with_capacity(2 * TABLE.len());
    for text in TABLE {
        let memory = text.parse().map_err(|error| {
            Failure::new(Exit::Usage, anyhow::Error::new::<uds_geometry::GeometryError>(error))
        })?;
        sizes.extend(both(memory, block_size)?);
    }
    Ok(sizes)
}

fn smallest(data: u64, block_size: u64, sparse: bool) -> Option<Size> {
    let records = data.div_ceil(block_size);
    MemorySize::all()
        .filter_map(|memory| size_of(memory, block_size, sparse))
        .find(|size| size.window_records >= records)
}

/// The smallest memory size whose window has more than `records` records, so that an index
/// that takes that many forgets none.
pub(crate) fn memory_for_records(records: u64, sparse: bool) -> Option<MemorySize> {
    MemorySize::all()
        .find(|&memory| configuration(memory, sparse).geometry().records_per_volume() > records)
}

fn largest_window(block_size: u64, sparse: bool) -> u64 {
    MemorySize::all()
        .last()
        .and_then(|memory| size_of(memory, block_size, sparse))
        .map_or(0, |size| size.window_bytes)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match report.data_bytes {
        Some(data) => writeln!(
            text,
            "To remember {} in blocks of {}:\n",
            units::bytes(data),
            units::bytes(report.block_size)
        ),
        None => writeln!(text, "With blocks of {}:\n", units::bytes(report.block_size)),
    };
    let _ = writeln!(
        text,
        "{:>6}  {:<6}  {:>18}  {:>10}  {:>10}",
        "memory", "kind", "records", "remembers", "disk"
    );
    for size in &report.sizes {
        let _ = writeln!(
            text,
            "{:>6}  {:<6}  {:>18}  {:>10}  {:>10}",
            size.memory,
            if size.sparse { "sparse" } else { "dense" },
            units::count(size.window_records),
            units::bytes(size.window_bytes),
            units::bytes(size.disk_bytes),
        );
    }
    if report.data_bytes.is_some() && report.sizes.iter().all(|size| size.sparse) {
        let problem = format!(
            "No dense index is large enough: the largest, with 1024G of memory, remembers {}. \
             Divide the data among several.",
            units::bytes(largest_window(report.block_size, false))
        );
        let _ = write!(text, "\n{}", units::wrapped(&problem, 60));
    }
    text.push_str(
        "\nA dense index finds every duplicate that it remembers; a\n\
         sparse one remembers ten times as much and finds those\n\
         that come in the company of others, in the same order.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the answer to "how much for 10 TB?" on both sides of a window's end.
    #[test]
    fn the_smallest_index_that_covers_the_data() {
        let window = 256 << 30;
        let memory = |data, sparse| smallest(data, 4096, sparse).map(|size| size.memory);
        assert_eq!(memory(window, false).as_deref(), Some("256M"));
        assert_eq!(memory(window + 1, false).as_deref(), Some("512M"));
        assert_eq!(memory(10 << 40, false).as_deref(), Some("10G"));
        assert_eq!(memory(10 << 40, true).as_deref(), Some("1G"));
        assert_eq!(memory(0, false).as_deref(), Some("256M"));
        assert_eq!(memory(u64::MAX, true), None);
    }

    // Guards against a number that is cut off where 64 bits end, and told as exact.
    #[test]
    fn the_largest_window_in_the_largest_blocks_fits() {
        let largest = u128::from(largest_window(1, true)) * u128::from(units::MAX_BLOCK_BYTES);
        assert_eq!(u128::from(largest_window(units::MAX_BLOCK_BYTES, true)), largest);
    }

    // Guards the advice after records were forgotten: a window that is just full has begun to
    // forget.
    #[test]
    fn advice_leaves_room_for_the_last_record() {
        assert_eq!(memory_for_records(67_108_863, false), Some(MemorySize::MB_256));
        assert_eq!(memory_for_records(67_108_864, false), Some(MemorySize::MB_512));
        assert_eq!(memory_for_records(671_088_639, true), Some(MemorySize::MB_256));
        assert_eq!(memory_for_records(671_088_640, true), Some(MemorySize::MB_512));
        assert_eq!(memory_for_records(u64::MAX, false), None);
    }
}
