//! Files: creation, locks, what is refused, and what a failure leaves behind.

use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use uds_volume::{FileKind, FileOptions, FileStorage, Storage, StorageError};

/// The variable that names the file for a test that runs again in a child process.
const CHILD_PATH: &str = "UDS_VOLUME_TEST_PATH";

/// Held alone by whoever starts a program, and shared by all who close a file and open it again: a
/// program that is about to start has a copy of every open file, and of its lock, for a moment.
static STARTING: RwLock<()> = RwLock::new(());

/// While this is held no program is about to start.
fn quiet() -> RwLockReadGuard<'static, ()> {
    STARTING.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a program to its end.
fn finish(command: &mut Command) -> Output {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let starting = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    let child = command.spawn().expect("there is such a program");
    drop(starting);
    child.wait_with_output().expect("its output can be read")
}

/// Runs a child test of this binary in a shell, after `prelude`.
fn run_child(test: &str, path: &Path, prelude: &str) -> Output {
    let this = std::env::current_exe().expect("a test knows its binary");
    finish(
        Command::new("sh")
            .arg("-c")
            .arg(format!("{prelude} exec \"$0\" --exact \"$1\" --ignored --nocapture"))
            .arg(this)
            .arg(test)
            .env(CHILD_PATH, path),
    )
}

fn assert_passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the child ran no test: {text}");
}

// Guards the create path: the size, the space behind it, and zeroes to start with.
#[test]
fn a_new_file_has_its_size_and_its_space() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let storage = FileStorage::create(&path, 1 << 20).unwrap();
    assert_eq!(storage.len(), 1 << 20);
    let mut bytes = vec![1; 1 << 20];
    storage.read_at(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|&byte| byte == 0));
    let metadata = fs::metadata(&path).unwrap();
    assert!(metadata.blocks() * 512 >= 1 << 20, "space was reserved");

    let sparse = directory.path().join("sparse");
    let storage = FileOptions::new().sparse(true).create(&sparse, 1 << 30).unwrap();
    assert_eq!(storage.len(), 1 << 30);
    assert!(fs::metadata(&sparse).unwrap().blocks() < 2048);
}

// Guards written data against a reopening that finds something else, at any alignment.
#[test]
fn what_was_written_is_read_after_a_reopening() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number * 7 / 3) as u8).collect();
    for ephemeral in [false, true] {
        let options = FileOptions::new().ephemeral(ephemeral).overwrite(true);
        let storage = options.create(&path, 1 << 20).unwrap();
        storage.write_at(12_345, &bytes).unwrap();
        storage.sync().unwrap();
        drop(storage);
        let storage = FileStorage::open_read_only(&path).unwrap();
        storage.read_ahead(0, 1 << 30);
        let mut found = vec![0; bytes.len()];
        storage.read_at(12_345, &mut found).unwrap();
        assert_eq!(found, bytes);
    }
}

// Guards an existing index against a create that would wipe it out.
#[test]
fn an_existing_file_is_overwritten_on_request_only() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    fs::write(&path, b"precious").unwrap();
    let error = FileStorage::create(&path, 4096).unwrap_err();
    assert!(matches!(error, StorageError::AlreadyExists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let storage = FileOptions::new().overwrite(true).create(&path, 4096).unwrap();
    assert_eq!(storage.len(), 4096);
    let mut bytes = [0; 9];
    storage.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"precious\0", "the caller invalidates it, in its own order");
}

// Guards against two writers, and a writer under a reader, in one process (F9).
#[test]
fn a_second_opener_is_told_at_once() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let writer = FileStorage::create(&path, 4096).unwrap();
    let in_use = |result: Result<FileStorage, StorageError>| match result {
        Err(StorageError::InUse { path: named }) => assert_eq!(*named, *path),
        other => panic!("{other:?}"),
    };
    in_use(FileStorage::open(&path));
    in_use(FileStorage::open_read_only(&path));
    in_use(FileOptions::new().overwrite(true).create(&path, 8192));
    assert_eq!(fs::metadata(&path).unwrap().len(), 4096, "a refused create resized the file");
    drop(writer);

    let reader = FileStorage::open_read_only(&path).unwrap();
    let _second_reader = FileStorage::open_read_only(&path).unwrap();
    in_use(FileStorage::open(&path));
    drop(reader);
}

// Guards against locks that only one process sees (F9).
#[test]
fn a_second_process_is_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let writer = FileStorage::create(&path, 4096).unwrap();
    assert_passed(&run_child("files::child_finds_the_file_in_use", &path, ""));
    {
        let _quiet = quiet();
        drop(writer);
    }
    // The child keeps its lock until it is killed; the lock dies with it.
    let output = run_child("files::child_dies_with_the_lock", &path, "");
    assert!(!output.status.success());
    drop(FileStorage::open(&path).unwrap());
}

#[test]
#[ignore = "runs as a child process of another test"]
fn child_finds_the_file_in_use() {
    let path = std::env::var_os(CHILD_PATH).unwrap();
    assert!(matches!(FileStorage::open(&path), Err(StorageError::InUse { .. })));
    assert!(matches!(FileStorage::open_read_only(&path), Err(StorageError::InUse { .. })));
}

#[test]
#[ignore = "runs as a child process of another test"]
fn child_dies_with_the_lock() {
    let path = std::env::var_os(CHILD_PATH).unwrap();
    let _storage = FileStorage::open(path).unwrap();
    std::process::abort();
}

// Guards a race of creators and openers: at most one may hold the file (F9).
#[test]
fn of_many_creators_one_wins() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    for round in 0..50 {
        let path = directory.path().join(round.to_string());
        let results: Vec<_> = std::thread::scope(|scope| {
            let create = || FileOptions::new().sparse(true).ephemeral(true).create(&path, 4096);
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "round {round}");
    }
}

// Guards the full disk: a clear error that says how much is missing, and no half-made file (F6).
#[test]
fn a_file_too_large_for_its_file_system_is_not_left_behind() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let error = FileStorage::create(&path, 1 << 60).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    let StorageError::NoSpace { wanted, available, .. } = &error else { panic!("{error}") };
    assert_eq!(*wanted, 1 << 60);
    assert!(*available > 0 && *available < 1 << 60);
    assert!(!path.exists());

    fs::write(&path, b"precious").unwrap();
    let error = FileOptions::new().overwrite(true).create(&path, 1 << 60).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

// Guards the other ways to be refused space: a limit that shows only when space is reserved (F6).
#[test]
fn a_file_beyond_the_size_limit_is_not_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    // Without the trap the limit would kill the process instead of failing the call.
    let output =
        run_child("files::child_creates_beyond_its_limit", &path, "trap '' XFSZ; ulimit -f 64;");
    assert_passed(&output);
    assert!(!path.exists());
}

#[test]
#[ignore = "runs as a child process of another test"]
fn child_creates_beyond_its_limit() {
    let path = std::env::var_os(CHILD_PATH).unwrap();
    for sparse in [false, true] {
        let error = FileOptions::new().sparse(sparse).create(&path, 1 << 20).unwrap_err();
        assert!(error.is_out_of_space(), "{error}");
        let StorageError::TooLarge { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.kind(), ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("more than the limit on the size of files"), "{error}");
        assert!(!Path::new(&path).exists());
    }
}

// Guards a file that is looked at before it grows: its content, its space, and its name, which
// nobody else can take in between.
#[test]
fn a_file_grows_in_place() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    fs::write(&path, b"precious").unwrap();
    let mut storage = FileStorage::open(&path).unwrap();
    assert!(!storage.is_device().unwrap());
    let go_on = &mut || ControlFlow::Continue(());
    assert!(storage.grow(1 << 20, go_on).unwrap().is_continue());
    assert!(matches!(FileStorage::open(&path), Err(StorageError::InUse { .. })));
    assert_eq!(storage.len(), 1 << 20);
    let mut bytes = [1; 9];
    storage.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"precious\0");
    storage.write_at((1 << 20) - 1, &[7]).unwrap();
    assert!(fs::metadata(&path).unwrap().blocks() * 512 >= 1 << 20, "space was reserved");
    assert!(storage.grow(4096, go_on).unwrap().is_continue());
    assert_eq!(storage.len(), 1 << 20, "growing never makes shorter");
    storage.cut_off(8).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let mut sparse = FileOptions::new().sparse(true).open(&path).unwrap();
    assert!(sparse.grow(1 << 30, go_on).unwrap().is_continue());
    assert!(fs::metadata(&path).unwrap().blocks() < 2048);
    sparse.cut_off(1 << 31).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 30, "cutting off never makes longer");
    let mut reader = FileStorage::open_read_only(&path).unwrap();
    assert!(matches!(reader.grow(1 << 31, go_on), Err(StorageError::ReadOnly)));
    assert!(matches!(reader.cut_off(0), Err(StorageError::ReadOnly)));
}

// Guards against a file that stays at a size that nobody could give it in full (F6).
#[test]
fn a_file_that_cannot_grow_keeps_its_length() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    fs::write(&path, b"precious").unwrap();
    let mut storage = FileStorage::open(&path).unwrap();
    let error = storage.grow(1 << 60, &mut || ControlFlow::Continue(())).unwrap_err();
    assert!(error.is_out_of_space(), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    // Broken off before the first part, and after it.
    for parts in [0, 1] {
        let mut left = parts;
        let broken_off = storage.grow(300 << 20, &mut || {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            ControlFlow::Continue(())
        });
        assert!(broken_off.unwrap().is_break(), "{parts} parts");
        assert_eq!(storage.len(), 8);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
    {
        let _quiet = quiet();
        drop(storage);
    }
    let prelude = "trap '' XFSZ; ulimit -f 64;";
    assert_passed(&run_child("files::child_grows_beyond_its_limit", &path, prelude));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
#[ignore = "runs as a child process of another test"]
fn child_grows_beyond_its_limit() {
    let path = std::env::var_os(CHILD_PATH).unwrap();
    for sparse in [false, true] {
        let mut storage = FileOptions::new().sparse(sparse).open(&path).unwrap();
        let error = storage.grow(1 << 20, &mut || ControlFlow::Continue(())).unwrap_err();
        assert!(error.is_out_of_space(), "{error}");
        assert_eq!(storage.len(), 8);
    }
}

// Guards against opening what has no bytes at positions, or blocking on it.
#[test]
fn directories_and_pipes_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(finish(Command::new("mkfifo").arg(&pipe)).status.success());
    let cases = [
        (directory.path(), FileKind::Directory),
        (Path::new("/dev/null"), FileKind::CharacterDevice),
        (pipe.as_path(), FileKind::Pipe),
    ];
    for (path, expected) in cases {
        for result in [
            FileStorage::open(path),
            FileStorage::open_read_only(path),
            FileStorage::create(path, 4096),
            FileOptions::new().overwrite(true).create(path, 4096),
        ] {
            let error = result.unwrap_err();
            let StorageError::WrongKind { kind, .. } = error else { panic!("{error}") };
            assert_eq!(kind, expected);
        }
    }
    assert!(directory.path().exists());
}

// Guards the errors that people meet first: no such file, no such directory, a dangling link.
#[test]
fn missing_files_are_named() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let error = FileStorage::open(&missing).unwrap_err();
    let StorageError::Path { path, source, .. } = &error else { panic!("{error}") };
    assert_eq!((&**path, source.kind()), (missing.as_path(), ErrorKind::NotFound));
    assert_eq!(error.to_string(), format!("cannot open for writing {missing:?}"));
    let error = FileStorage::open_read_only(&missing).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open for reading {missing:?}"));
    let deeper = missing.join("index");
    let error = FileStorage::create(&deeper, 4096).unwrap_err();
    let wanted = format!("cannot create {deeper:?}: the directory {missing:?} does not exist");
    assert_eq!(error.to_string(), wanted);

    let link = directory.path().join("link");
    symlink(&missing, &link).unwrap();
    assert!(FileStorage::open(&link).is_err());
}

// Guards read-only files: readable, and a writer is told why not.
#[test]
fn a_read_only_file_can_be_read() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    drop(FileStorage::create(&path, 4096).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let reader = FileStorage::open_read_only(&path).unwrap();
    reader.read_at(0, &mut [1; 4096]).unwrap();
    drop(reader);
    match FileStorage::open(&path) {
        Err(StorageError::Path { source, .. }) => {
            assert_eq!(source.kind(), ErrorKind::PermissionDenied);
        }
        // The superuser may write to it all the same.
        result => assert!(result.is_ok(), "{result:?}"),
    }
}

// Guards against zeroes for what a truncation took away while the file was open.
#[test]
fn a_truncated_file_is_an_error_and_not_zeroes() {
    let _quiet = quiet();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("index");
    let storage = FileStorage::create(&path, 8192).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5000).unwrap();
    let error = storage.read_at(4096, &mut [0; 4096]).unwrap_err();
    assert!(
        matches!(error, StorageError::Truncated { offset: 4096, wanted: 4096, found: 904 }),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "the storage is too short: of 4096 bytes at byte 4096 it has only 904; it was truncated, \
         or is not the storage of this index"
    );
}
