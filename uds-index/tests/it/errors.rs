//! What users are told when something is wrong: each message with all its causes, as provoked.

use std::sync::Arc;

use uds_geometry::{Configuration, CustomConfiguration, LayoutSizes, Nonce};
use uds_index::{Batch, CreateOptions, Index, IndexError, OpenOptions};
use uds_volume::sim::{Fault, SimDisk};
use uds_volume::{MemoryStorage, Operation, Storage};

use crate::common::{BLOCK, bytes_of, clean_only, data, name, post, small};

/// All messages so far, under the names of their causes.
#[derive(Default)]
struct Messages(String);

impl Messages {
    fn add(&mut self, cause: &str, error: &IndexError) {
        self.0 += &format!("{cause} [{:?}]\n    {error}\n", error.kind());
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            self.0 += &format!("    because: {error}\n");
            source = error.source();
        }
    }
}

fn configuration() -> Configuration {
    small(2, 4)
}

/// Options that leave nothing to chance.
fn creating() -> CreateOptions {
    CreateOptions { nonce: Nonce::new(77), nonce_info: Some([7; 32]), ..CreateOptions::default() }
}

/// A disk with an index of two closed chapters and more, closed.
fn disk() -> Arc<SimDisk> {
    let disk = Arc::new(SimDisk::new(bytes_of(&configuration()), 1));
    let index = Index::create(disk.clone(), &configuration(), &creating()).unwrap();
    post(&index, 0..600);
    index.close().unwrap();
    disk
}

/// The error of opening the usual index after some of its bytes were replaced.
fn opening(at: u64, bytes: &[u8], options: &OpenOptions) -> IndexError {
    let disk = disk();
    disk.write_at(at, bytes).unwrap();
    Index::open(disk, options).unwrap_err()
}

// Guards the words that users see, and that each says what, where, and what to do.
#[test]
fn messages_of_opening() {
    let mut messages = Messages::default();
    let usual = clean_only();
    let image = disk().to_vec();
    let truncated = Arc::new(MemoryStorage::from_bytes(&image[..image.len() - 1]));
    messages.add("a truncated file", &Index::open(truncated, &usual).unwrap_err());
    messages.add("no index", &opening(0, b"something else", &usual));
    let beyond = OpenOptions { offset_blocks: 1 << 40, ..clean_only() };
    messages.add("an offset beyond the end", &opening(0, &[], &beyond));
    let within = OpenOptions { offset_blocks: 5, ..clean_only() };
    messages.add("a wrong offset", &opening(0, &[], &within));
    messages.add("half of a conversion", &opening(264, &[7], &usual));
    messages.add("a version from the future", &opening(264, &[9], &usual));
    messages.add("a damaged super block", &opening(272, &[4], &usual));
    messages.add("a damaged config block", &opening(BLOCK, &[0], &usual));
    messages.add("an impossible configuration", &opening(BLOCK + 14, &[1], &usual));
    let other = OpenOptions { configuration: Some(small(3, 4)), ..clean_only() };
    messages.add("another size", &opening(0, &[], &other));
    let other = OpenOptions { nonce: Some(Nonce::new(78)), ..clean_only() };
    messages.add("another nonce", &opening(0, &[], &other));
    let sizes = LayoutSizes::new(&configuration().geometry()).unwrap();
    let slot = (2 + sizes.volume_blocks) * BLOCK;
    let volume_index = slot + (1 + sizes.page_map_blocks) * BLOCK;
    let open_chapter = volume_index + sizes.volume_index_blocks * BLOCK;
    messages.add("no save", &opening(slot, &[0; 8], &usual));
    messages.add("a save out of date", &opening(open_chapter, &[0; 512], &usual));
    messages.add("a damaged save", &opening(volume_index, &[0], &usual));
    let mut older = vec![0; BLOCK as usize];
    disk().read_at((2 + 1) * BLOCK, &mut older).unwrap();
    messages.add("a lost chapter", &opening((2 + 1 + 3) * BLOCK, &older, &usual));
    let failing = disk();
    failing.inject(Fault::of(Operation::Read).within(volume_index..open_chapter));
    messages.add("an unreadable save", &Index::open(failing, &usual).unwrap_err());
    insta::assert_snapshot!(messages.0);
}

// Guards the words about what cannot be created.
#[test]
fn messages_of_creating() {
    let mut messages = Messages::default();
    let small_storage = Arc::new(MemoryStorage::new(100_000));
    let error = Index::create(small_storage, &configuration(), &creating()).unwrap_err();
    messages.add("a storage that is too small", &error);
    let custom = CustomConfiguration { bytes_per_page: 5000, ..CustomConfiguration::default() };
    messages.add("an impossible size", &Configuration::custom(&custom).unwrap_err().into());
    let failing = Arc::new(SimDisk::new(bytes_of(&configuration()), 1));
    failing.inject(Fault::of(Operation::Sync));
    let error = Index::create(failing, &configuration(), &creating()).unwrap_err();
    messages.add("a failed sync", &error);
    let full = Arc::new(SimDisk::new(bytes_of(&configuration()), 1));
    full.limit_space(Some(BLOCK));
    let error = Index::create(full, &configuration(), &creating()).unwrap_err();
    messages.add("a full disk", &error);
    insta::assert_snapshot!(messages.0);
}

// Guards the words about an index that is in use when its storage fails or is damaged.
#[test]
fn messages_of_an_open_index() {
    let mut messages = Messages::default();
    let disk = disk();
    let index = Index::open(disk.clone(), &clean_only()).unwrap();
    disk.inject(Fault::of(Operation::Read));
    messages.add("an unreadable page", &index.query(name(0)).unwrap_err());
    disk.write_at(3 * BLOCK, &[0; 20]).unwrap();
    messages.add("a damaged index page", &index.post(name(0), data(0, 0)).unwrap_err());
    let mut batch = Batch::new();
    for counter in 0..300 {
        batch.query(name(counter));
    }
    messages.add("the same in a batch", &index.run(&mut batch).unwrap_err());
    disk.inject(Fault::of(Operation::Write));
    let mut batch = Batch::new();
    for counter in 1000..1200 {
        batch.post(name(counter), data(counter, 0));
    }
    // A chapter closes on the way: whether the rest hears of its failure is a matter of time.
    let _ = index.run(&mut batch);
    messages.add("a failed write", &index.flush().unwrap_err());
    messages.add("a change after that", &index.update(name(1), data(1, 1)).unwrap_err());
    messages.add("a close after that", &index.close().unwrap_err());
    insta::assert_snapshot!(messages.0);
}
