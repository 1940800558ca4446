//! The walk, on small trees in a temporary directory.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

use super::{Filters, Found, Walk};

/// What a walk found, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    files: Vec<String>,
    bytes: u64,
    hard_links: u32,
    symlinks: u32,
    special: u32,
    excluded: u32,
    vanished: u32,
    failed: u32,
    filtered: u32,
}

fn walk(paths: &[&Path]) -> Tally {
    walk_without(paths, &[])
}

fn walk_without(paths: &[&Path], excluded: &[super::Identity]) -> Tally {
    tally(paths, Walk::new(false, excluded, &Filters::none()))
}

fn tally(paths: &[&Path], walk: Walk) -> Tally {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    let mut tally = Tally::default();
    let walked = walk.run(&paths.into(), &mut |found| {
        match found {
            Found::File { path, bytes, .. } => {
                tally.files.push(path.file_name().unwrap().to_string_lossy().into_owned());
                tally.bytes += bytes;
            }
            Found::HardLink => tally.hard_links += 1,
            Found::Symlink => tally.symlinks += 1,
            Found::Filtered => tally.filtered += 1,
            Found::Special => tally.special += 1,
            Found::Excluded => tally.excluded += 1,
            Found::Vanished => tally.vanished += 1,
            Found::Failed { .. } => tally.failed += 1,
        }
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    tally.files.sort();
    tally
}

fn tree() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("one"), [1; 10]).unwrap();
    fs::write(root.join("a/two"), [2; 20]).unwrap();
    fs::write(root.join("a/b/three"), [3; 30]).unwrap();
    directory
}

// Guards against files counted twice because they were given twice, in whatever order.
#[test]
fn nested_and_repeated_paths_find_nothing_twice() {
    let directory = tree();
    let root = directory.path();
    let (a, b) = (root.join("a"), root.join("a/b"));
    let three = b.join("three");
    let dotted = root.join("a/../a");
    let all = walk(&[root]);
    assert_eq!(all.files, ["one", "three", "two"]);
    assert_eq!(all.bytes, 60);
    let orders: [&[&Path]; 5] = [
        &[root, &a, &b, &three],
        &[&three, &b, &a, root],
        &[&b, root, &three],
        &[root, root, &dotted],
        &[&three, &three, root],
    ];
    for paths in orders {
        assert_eq!(walk(paths), all, "{paths:?}");
    }
}

// Guards against hard-linked files that are read once for each name.
#[test]
fn a_file_with_many_names_is_found_once() {
    let directory = tree();
    let root = directory.path();
    fs::hard_link(root.join("one"), root.join("a/one again")).unwrap();
    fs::hard_link(root.join("one"), root.join("a/b/one more")).unwrap();
    let tally = walk(&[root]);
    assert_eq!((tally.files.len(), tally.bytes, tally.hard_links), (3, 60, 2));
    // The same where one of the names is given as a path.
    let tally = walk(&[root, &root.join("a/one again")]);
    assert_eq!((tally.files.len(), tally.bytes), (3, 60));
}

// Guards against links that lead out of the tree or back into it, and against a link given as
// a path that is not followed.
#[test]
fn links_are_followed_only_where_they_are_given() {
    let directory = tree();
    let root = directory.path();
    symlink(root, root.join("a/up")).unwrap();
    symlink("one", root.join("link")).unwrap();
    symlink("a/b", root.join("branch")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let tally = walk(&[root]);
    assert_eq!((tally.files.len(), tally.symlinks, tally.failed), (3, 4, 0));
    assert_eq!(walk(&[&root.join("link")]).bytes, 10);
    assert_eq!(walk(&[&root.join("branch")]).files, ["three"]);
    assert_eq!(walk(&[&root.join("branch"), root]).files, ["one", "three", "two"]);
    assert_eq!(walk(&[&root.join("dangling")]).failed, 1);
}

// Guards against reading pipes and sockets, which may never end.
#[test]
fn special_files_are_skipped_and_refused_as_paths() {
    let directory = tree();
    let root = directory.path();
    let socket = root.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let tally = walk(&[root]);
    assert_eq!((tally.files.len(), tally.special, tally.failed), (3, 1, 0));
    let tally = walk(&[&socket, Path::new("/dev/null")]);
    assert_eq!((tally.files.len(), tally.special, tally.failed), (0, 0, 2));
}

// Guards against an index that is estimated together with the data.
#[test]
fn excluded_files_are_not_found() {
    let directory = tree();
    let root = directory.path();
    let metadata = fs::metadata(root.join("a/two")).unwrap();
    let tally = walk_without(&[root, &root.join("a/two")], &[(metadata.dev(), metadata.ino())]);
    assert_eq!(tally.files, ["one", "three"]);
    assert_eq!((tally.excluded, tally.hard_links), (2, 0), "as a path, and in its directory");
}

// Guards against an estimate of everything that drowns in the kernel's memory.
#[test]
fn pseudo_file_systems_are_entered_only_if_given() {
    if !Path::new("/proc/self/status").exists() {
        return;
    }
    assert!(super::is_pseudo_file_system(Path::new("/proc")));
    assert!(!super::is_pseudo_file_system(&std::env::temp_dir()));
    let given = walk(&[Path::new("/proc/self/net")]);
    assert!(!given.files.is_empty(), "given by name, it is entered");
}

// Guards against leaving the file system, and against leaving out what comes after a directory
// that was not entered.
#[test]
fn a_walk_can_stay_on_its_file_system() {
    let (devices, shared) = (Path::new("/dev"), Path::new("/dev/shm"));
    let device_of = |path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let Ok(file) = tempfile::NamedTempFile::new_in(shared) else { return };
    if device_of(devices) == device_of(shared) {
        return;
    }
    let name = file.path().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(walk(&[devices]).files.contains(&name));
    let within = tally(&[devices], Walk::new(true, &[], &Filters::none()));
    assert!(!within.files.contains(&name));
    let is_device = |entry: &fs::DirEntry| entry.file_type().unwrap().is_char_device();
    let own = fs::read_dir(devices).unwrap().filter(|entry| is_device(entry.as_ref().unwrap()));
    assert!(within.special as usize >= own.count());
}

// Guards against a walk that ends with the first directory it cannot enter.
#[test]
fn the_walk_goes_on_after_a_failure() {
    let directory = tree();
    let root = directory.path();
    let tally = walk(&[&root.join("missing"), root, &root.join("also missing")]);
    assert_eq!((tally.files.len(), tally.failed), (3, 2));
    File::create(root.join("a/empty")).unwrap();
    assert_eq!(walk(&[root]).files.len(), 4);
}
