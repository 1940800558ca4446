//! How long it takes to look an entry up in a delta list and to insert one, and to make and search
//! the index of a chapter.

mod chapter;
mod large;
mod lists;

fn main() {
    uds_bench_support::run("delta-index", |suite| {
        for length in lists::LENGTHS {
            lists::benchmarks(suite, length);
        }
        large::benchmarks(suite);
        chapter::benchmarks(suite);
    });
}
