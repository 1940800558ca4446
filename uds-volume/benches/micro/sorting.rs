//! The radix sorter beside the standard library's sort: a record page and a chapter of records.

use uds_bench_support::{Digest, Suite, records};
use uds_geometry::Record;
use uds_volume::RadixSorter;

pub(crate) fn benchmarks(suite: &mut Suite) {
    for (full, tiny) in [(1024, 64), (65536, 1024)] {
        let count = suite.size(full, tiny);
        let setup = || (records(count), RadixSorter::new(count));
        suite.bench(&format!("radix-sort.{full}"), count, setup, |(records, sorter)| {
            let order = sorter.sort(records).expect("the sorter was made for as many");
            let mut digest = Digest::new();
            order.for_each(|position| digest.add(position as u64));
            digest.finish()
        });
        // The sorter's task: positions, the records staying where they are.
        let setup = || (records(count), Vec::with_capacity(count as usize));
        suite.bench(&format!("std-sort.{full}"), count, setup, |(records, order)| {
            std_order(records, order);
            let mut digest = Digest::new();
            order.iter().for_each(|&position| digest.add(position.into()));
            digest.finish()
        });
    }
}

fn std_order(records: &[Record], order: &mut Vec<u32>) {
    let name = |position: u32| &records[position as usize].name;
    order.clear();
    order.extend(0..records.len() as u32);
    order.sort_unstable_by(|&one, &other| name(one).cmp(name(other)));
}
