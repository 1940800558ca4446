//! Reading files that are whole, torn, sparse or change while they are read.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Ending, Extent, Piece, PieceReader, READ_BYTES, SharedBreakdown, Source, Teller};
use crate::estimate::chunker::BLOCK_PIECE_BYTES as PIECE_BYTES;

/// The pieces of a file that has no inode number and is its own root.
fn pieces_of(path: std::path::PathBuf, bytes: u64) -> impl Iterator<Item = Piece> {
    let teller = Teller::new(path.as_path().into(), &SharedBreakdown::default());
    Source::pieces(path, (bytes, 0), teller, PIECE_BYTES)
}

/// Everything that the pieces of a file of `bytes` bytes yield: content, file bytes and bytes
/// of holes.
fn read_all(path: &Path, bytes: u64) -> (Vec<u8>, u64, u64) {
    let (mut content, mut file_bytes, mut hole_bytes) = (Vec::new(), 0, 0);
    let mut buffer = vec![0xee; READ_BYTES];
    for piece in pieces_of(path.to_path_buf(), bytes) {
        let mut reader = PieceReader::open(&piece).unwrap();
        while let Some(extent) = reader.next_extent(&mut buffer).unwrap() {
            match extent {
                Extent::Data { offset, bytes } => {
                    assert_eq!(offset as usize, content.len());
                    content.extend_from_slice(&buffer[..bytes]);
                    file_bytes += bytes as u64;
                }
                Extent::Hole { bytes } => {
                    content.resize(content.len() + bytes as usize, 0);
                    hole_bytes += bytes;
                }
            }
        }
    }
    (content, file_bytes, hole_bytes)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251 + 1) as u8).collect()
}

// Guards the ends of blocks, reads and pieces: a byte lost or doubled.
#[test]
fn content_comes_back_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let (read, piece) = (READ_BYTES, PIECE_BYTES as usize);
    for length in
        [0, 1, 4095, 4096, 4097, read - 1, read, read + 1, piece, piece + 5000, 2 * piece + 1]
    {
        let expected = pattern(length);
        fs::write(&path, &expected).unwrap();
        let (content, bytes, holes) = read_all(&path, length as u64);
        assert!(content == expected, "length {length}");
        assert_eq!((bytes, holes), (length as u64, 0));
    }
}

// Guards holes: their blocks counted as zero, their neighbours read in full.
#[test]
fn holes_are_stepped_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let length = 3 * PIECE_BYTES + 1000;
    let file = File::create(&path).unwrap();
    file.set_len(length).unwrap();
    let data = pattern(10_000);
    let places = [100_000, PIECE_BYTES - 5000, 2 * PIECE_BYTES + 7];
    let mut expected = vec![0; length as usize];
    for place in places {
        file.write_all_at(&data, place).unwrap();
        expected[place as usize..][..data.len()].copy_from_slice(&data);
    }
    let (content, bytes, holes) = read_all(&path, length);
    assert!(content == expected);
    assert_eq!(bytes + holes, length);
}

// Guards against an endless read of a file that grows, and an error for one that shrinks.
#[test]
fn a_file_is_as_long_as_it_was_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, pattern(50_000)).unwrap();
    let (content, bytes, _) = read_all(&path, 10_000);
    assert_eq!((content.len(), bytes), (10_000, 10_000), "not read beyond the end");
    for found_length in [60_000, 2 * PIECE_BYTES] {
        let (content, bytes, holes) = read_all(&path, found_length);
        assert_eq!((content.len(), bytes, holes), (50_000, 50_000, 0));
    }
}

// Guards against a sparse file's missing end being counted as a hole after it shrank.
#[test]
fn a_sparse_file_that_shrank_ends_where_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    File::create(&path).unwrap().set_len(100_000).unwrap();
    let (_, bytes, holes) = read_all(&path, 10 * PIECE_BYTES);
    assert_eq!((bytes, holes), (0, 100_000));
}

// Guards against opening a pipe that has taken a file's place, which would block for ever.
#[test]
fn what_is_no_file_any_more_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for piece in pieces_of(directory.path().to_path_buf(), 10) {
        assert!(PieceReader::open(&piece).is_err());
    }
    for piece in pieces_of(directory.path().join("gone"), 10) {
        assert!(PieceReader::open(&piece).is_err());
    }
}

// Guards the count of files: one for each file, however many pieces it has, and none for
// a failed one.
#[test]
fn the_last_piece_tells_how_a_file_ended() {
    let mut pieces: Vec<_> = pieces_of("x".into(), 2 * PIECE_BYTES + 1).collect();
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces[2].range, 2 * PIECE_BYTES..2 * PIECE_BYTES + 1);
    assert_eq!(pieces[0].source.finish_piece(), Ending::NotYet);
    assert!(pieces[1].source.fail(), "the first failure is reported");
    assert!(!pieces[2].source.fail(), "further ones are not");
    assert_eq!(pieces[1].source.finish_piece(), Ending::NotYet);
    assert_eq!(pieces.remove(2).source.finish_piece(), Ending::Failed);
    let whole: Vec<_> = pieces_of("x".into(), 0).collect();
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].source.finish_piece(), Ending::Complete);
}
