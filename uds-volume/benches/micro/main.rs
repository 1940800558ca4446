//! How long it takes to sort, write and search record pages, to find a record in cached pages, and
//! to have one read in parts, or by another thread. All storage is memory.

mod cached;
mod parts;
mod queue;
mod record_pages;
mod sorting;

fn main() {
    uds_bench_support::run("volume", |suite| {
        sorting::benchmarks(suite);
        record_pages::benchmarks(suite);
        cached::benchmarks(suite);
        parts::benchmarks(suite);
        queue::benchmarks(suite);
    });
}
