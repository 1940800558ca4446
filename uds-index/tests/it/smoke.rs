//! An index from its creation over two closes to the end of its window.

use uds_geometry::Configuration;
use uds_index::{Batch, CreateOptions, Index};

use crate::common::{clean_only, data, memory, name};

// Guards the whole: records of closed chapters, of the open one, and of chapters that are gone.
#[test]
fn fill_close_open_and_wrap() {
    let configuration = Configuration::tiny(false);
    let storage = memory(&configuration, 0);
    let index = Index::create(storage.clone(), &configuration, &CreateOptions::default()).unwrap();
    let mut batch = Batch::new();
    for counter in 0..200_000 {
        batch.post(name(counter), data(counter, 0));
        if batch.len() == 1000 {
            index.run(&mut batch).unwrap();
            batch.clear();
        }
    }
    let statistics = index.statistics();
    assert_eq!(statistics.posts_not_found, 200_000);
    assert_eq!(statistics.newest_chapter.get(), 6);
    assert_eq!(statistics.oldest_chapter.get(), 3);
    index.close().unwrap();

    for _ in 0..2 {
        let index = Index::open(storage.clone(), &clean_only()).unwrap();
        for counter in (0..200_000).step_by(7) {
            let expected = (counter >= 3 * 32768).then(|| data(counter, 0));
            let answer = index.query_no_update(name(counter)).unwrap();
            assert_eq!(answer.data(), expected, "counter {counter}");
        }
        index.close().unwrap();
    }
}
