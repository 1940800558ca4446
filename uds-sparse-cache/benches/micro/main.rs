//! How long it takes to search the cache of sparse chapter indexes, for threads to meet at its
//! barrier, and for zones to change it together.

mod changing;
mod chapters;
mod searching;

fn main() {
    uds_bench_support::run("sparse-cache", |suite| {
        searching::benchmarks(suite);
        changing::benchmarks(suite);
    });
}
