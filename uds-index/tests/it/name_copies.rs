//! Every copy of a name on the volume, and what each is to the index.

use std::ops::ControlFlow;
use std::sync::Arc;

use uds_geometry::VirtualChapter;
use uds_index::{Copies, Index, IndexError, Inspector, OpenOptions, Standing};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{Operation, Storage};

use crate::common::{BLOCK, bytes_of, create_in, data, name, post_singly, small, small_sparse};
use crate::recovery::slot_start;

fn copies(disk: &Arc<SimDisk>, counters: &[u64]) -> Copies {
    let names: Vec<_> = counters.iter().map(|&counter| name(counter)).collect();
    let inspector = Inspector::open(disk.clone(), 0).unwrap();
    inspector.copies(&names, &|_| ControlFlow::Continue(())).unwrap()
}

/// The chapters of the copies of a name, and what they are to the index.
fn standings(disk: &Arc<SimDisk>, counter: u64) -> Vec<(u64, Standing)> {
    let index = Index::open(disk.clone(), &OpenOptions::default()).unwrap();
    let explanation = index.explain(&name(counter)).unwrap();
    let found = copies(disk, &[counter]).found;
    let told = found.iter().map(|copy| (copy.chapter.unwrap().get(), copy.standing(&explanation)));
    told.collect()
}

// Guards what support is told of a name: where it is, where it was, and why that is not found.
#[test]
fn every_copy_is_found_and_named() {
    let configuration = small(1, 6);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
    post_singly(&index, 0..128);
    // Chapter 1: some of chapter 0 again, with other data.
    for counter in 0..20 {
        index.update(name(counter), data(counter, 1)).unwrap();
    }
    post_singly(&index, 1000..1108);
    for counter in 10..15 {
        index.delete(name(counter)).unwrap();
    }
    // The open chapter: two of chapter 1.
    post_singly(&index, 2000..2010);
    for counter in 5..7 {
        index.query(name(counter)).unwrap();
    }
    index.close().unwrap();
    assert_eq!(standings(&disk, 50), [(0, Standing::Current)]);
    assert_eq!(standings(&disk, 1), [(0, Standing::Superseded), (1, Standing::Current)]);
    assert_eq!(standings(&disk, 5), [(0, Standing::Superseded), (1, Standing::Superseded)]);
    assert_eq!(standings(&disk, 12), [(0, Standing::Unreachable), (1, Standing::Unreachable)]);
    assert_eq!(standings(&disk, 2001), []);
    let all = copies(&disk, &[50, 77_777, 1]);
    assert_eq!((all.chapters, all.damaged.len()), (2, 0));
    let told = all.found.iter().map(|copy| (copy.position, copy.data, copy.is_indexed));
    let wanted = [(0, data(50, 0), true), (2, data(1, 0), true), (2, data(1, 1), true)];
    assert!(told.eq(wanted), "{:?}", all.found);
    let place = all.found[0].place;
    assert_eq!(place.offset, slot_start(0) + BLOCK);
    let mut record = [0; 32];
    disk.read_at(place.offset + 32 * u64::from(all.found[0].node), &mut record).unwrap();
    assert_eq!(&record[..16], name(50).as_bytes());
}

// Guards chapters that have left the window, and are on the volume until their slot is needed.
#[test]
fn forgotten_chapters_are_searched_too() {
    let configuration = small(1, 4);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
    post_singly(&index, 0..4 * 128 + 10);
    index.close().unwrap();
    assert_eq!(standings(&disk, 7), [(0, Standing::Forgotten)]);
    assert_eq!(standings(&disk, 200), [(1, Standing::Current)]);
}

// Guards the answer for a sparse index, in which names are there and not found by intent.
#[test]
fn copies_in_sparse_chapters_need_company() {
    let configuration = small_sparse(1, 10, 5, 2);
    let geometry = configuration.geometry();
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
    post_singly(&index, 0..9 * 128);
    index.close().unwrap();
    for counter in 0..64 {
        let is_sample = geometry.is_sample(&name(counter));
        let wanted = if is_sample { Standing::Current } else { Standing::NeedsCompany };
        assert_eq!(standings(&disk, counter), [(0, wanted)]);
    }
}

// Guards the search where an index page is damaged or cannot be read: the record pages tell.
#[test]
fn damaged_chapters_are_searched_page_by_page() {
    let configuration = small(1, 6);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    let index = Index::create(disk.clone(), &configuration, &create_in(1)).unwrap();
    post_singly(&index, 0..400);
    index.close().unwrap();
    let start = slot_start(1);
    disk.inject(Fault::of(Operation::Read).within(start..start + BLOCK).forever());
    let found = copies(&disk, &[130, 20]);
    let told = found.found.iter().map(|copy| (copy.chapter, copy.is_indexed));
    assert!(told.eq([(None, false), (Some(VirtualChapter::new(0)), true)]), "{found:?}");
    assert_eq!(found.damaged.len(), 1);
    disk.clear_faults();
    disk.write_at(start + 20, &[0xff; 8]).unwrap();
    let found = copies(&disk, &[130]);
    assert_eq!(found.found.len(), 1, "the page still has the nonce of the volume");
    assert_eq!((found.found[0].chapter, found.damaged.len()), (None, 1));
    // Its chapter is in the window: nobody may say that it is forgotten.
    let index = Index::open(disk.clone(), &OpenOptions::default()).unwrap();
    let explanation = index.explain(&name(130)).unwrap();
    assert_eq!(found.found[0].standing(&explanation), Standing::Unknown);
}

// Guards the way out of a long search.
#[test]
fn a_search_can_be_ended() {
    let configuration = small(1, 6);
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration), 1));
    Index::create(disk.clone(), &configuration, &create_in(1)).unwrap().close().unwrap();
    let inspector = Inspector::open(disk, 0).unwrap();
    let ended = inspector.copies(&[name(1)], &|_| ControlFlow::Break(()));
    assert!(matches!(ended, Err(IndexError::Abandoned)));
}
