//! File types: the ends of names after a dot, in lower case, and what was read and saved of each.
//!
//! An end counts as a type only if it looks like one: at most [`MAX_LETTERS`] ASCII letters,
//! digits, `_`, `-` and `+`, among them a letter, and neither many digits nor a hash in
//! hexadecimal. Times, versions, numbers and names made at random are so many that each would be
//! a type of its own. What is left counts as [`NONE`].
//!
//! # Invariants
//!
//! 1. At most [`MAX_KINDS`] types are kept. When one more comes, the half that saves least is
//!    merged into "other"; one that comes again then begins anew.
//! 2. The sums of all types and of "other" add up to all that was added.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{ROWS, Sums};

/// The type of files whose name has none.
pub(super) const NONE: &str = "(none)";
/// The row of types that have none of their own.
pub(super) const OTHER: &str = "other";

/// Types that are kept at most.
const MAX_KINDS: usize = 1024;
/// Letters of a type at most.
const MAX_LETTERS: usize = 12;
/// Digits of a type at most, as in `jpg2000`.
const MAX_DIGITS: usize = 4;
/// A word of hexadecimal digits, some of them not letters, is a hash from this length on.
const HASH_LETTERS: usize = 6;
/// Types that compress another one: `gz` of `a.tar.gz` says less than `tar.gz`.
const OUTER: [&str; 9] = ["gz", "bz2", "xz", "zst", "lz4", "lzma", "lz", "br", "z"];
/// Types that are often compressed whole.
const INNER: [&str; 9] = ["tar", "cpio", "img", "iso", "qcow2", "raw", "sql", "log", "json"];
/// A compound type at most: one of `INNER`, a dot, and one of `OUTER`.
const BUFFER_BYTES: usize = 24;

/// Types and their sums.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    kinds: HashMap<Box<str>, Sums>,
    /// What was merged.
    other: Sums,
}

/// A row: a type, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KindRow {
    pub(super) kind: String,
    pub(super) sums: Sums,
}

impl Kinds {
    /// Counts a file by the type that its path says.
    pub(super) fn add(&mut self, path: &Path, sums: Sums) {
        let mut buffer = [0; BUFFER_BYTES];
        let kind = kind_of(path, &mut buffer);
        if let Some(known) = self.kinds.get_mut(kind) {
            *known += sums;
            return;
        }
        if self.kinds.len() == MAX_KINDS {
            self.merge_least();
        }
        self.kinds.insert(kind.into(), sums);
    }

    /// The rows, those that save most first; the last is of all types without a row.
    pub(super) fn rows(&self) -> Vec<KindRow> {
        let mut kinds = self.sorted();
        let mut other = self.other;
        if kinds.len() > ROWS || (kinds.len() == ROWS && !other.is_empty()) {
            for (_, sums) in kinds.drain(ROWS - 1..) {
                other += sums;
            }
        }
        let mut rows: Vec<_> =
            kinds.into_iter().map(|(kind, sums)| KindRow { kind: kind.to_owned(), sums }).collect();
        if !other.is_empty() {
            rows.push(KindRow { kind: OTHER.to_owned(), sums: other });
        }
        rows
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        let entry = size_of::<(Box<str>, Sums)>() + 1;
        self.kinds.capacity() * entry + self.kinds.len() * (BUFFER_BYTES + 16)
    }

    /// All kept types, those that save most first, among these those of which most was read.
    fn sorted(&self) -> Vec<(&str, Sums)> {
        let mut kinds: Vec<_> = self.kinds.iter().map(|(kind, sums)| (&**kind, *sums)).collect();
        kinds.sort_by(|(a_kind, a), (b_kind, b)| {
            (b.saved_bytes, b.bytes).cmp(&(a.saved_bytes, a.bytes)).then(a_kind.cmp(b_kind))
        });
        kinds
    }

    fn merge_least(&mut self) {
        let least: Vec<Box<str>> =
            self.sorted().drain(MAX_KINDS / 2..).map(|(kind, _)| kind.into()).collect();
        for kind in least {
            let sums = self.kinds.remove(&kind).expect("it was just listed");
            self.other += sums;
        }
    }
}

/// The type of a file, written to `buffer`.
fn kind_of<'a>(path: &Path, buffer: &'a mut [u8; BUFFER_BYTES]) -> &'a str {
    let name = path.as_os_str().as_bytes();
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    // A dot at the beginning hides the file, and a tilde at the end marks an older version.
    let name = name.strip_prefix(b".").unwrap_or(name);
    let name = name.strip_suffix(b"~").unwrap_or(name);
    let mut words = name.rsplit(|byte| *byte == b'.').peekable();
    // Versions and turns come behind the type: `libc.so.6`, `syslog.log.1`.
    while words.next_if(|word| is_version(word)).is_some() {}
    let outer = words.next().unwrap_or_default();
    // The first word of a name is no type, whatever it looks like.
    let Some(inner) = words.next().filter(|_| looks_like_a_type(outer)) else { return NONE };
    let is_compound =
        is_one_of(outer, &OUTER) && is_one_of(inner, &INNER) && words.next().is_some();
    let mut length = 0;
    let parts: [&[u8]; 3] = if is_compound { [inner, b".", outer] } else { [outer, b"", b""] };
    for part in parts {
        buffer[length..length + part.len()].copy_from_slice(part);
        length += part.len();
    }
    buffer[..length].make_ascii_lowercase();
    std::str::from_utf8(&buffer[..length]).unwrap_or(NONE)
}

/// Whether a word is a part of a version: `6`, `0-nightly`.
fn is_version(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    word.get(digits).is_none_or(|&byte| digits > 0 && byte == b'-')
}

fn is_one_of(word: &[u8], known: &[&str]) -> bool {
    known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

fn looks_like_a_type(word: &[u8]) -> bool {
    let letters = word.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let marks = word.iter().filter(|byte| b"_-+".contains(byte)).count();
    let is_hash =
        word.len() >= HASH_LETTERS && digits > 0 && word.iter().all(u8::is_ascii_hexdigit);
    letters > 0
        && letters + digits + marks == word.len()
        && word.len() <= MAX_LETTERS
        && digits <= MAX_DIGITS
        && !is_hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> String {
        kind_of(Path::new(name), &mut [0; BUFFER_BYTES]).to_owned()
    }

    // Guards the types that people know, and against ends of names that are none.
    #[test]
    fn types_are_what_people_call_them() {
        let cases = [
            ("/a/b/photo.JPG", "jpg"),
            ("a.tar.gz", "tar.gz"),
            ("A.TAR.Zst", "tar.zst"),
            ("tar.gz", "gz"),
            ("notes.gz", "gz"),
            ("dump.qcow2.lzma", "qcow2.lzma"),
            ("/usr/lib/libc.so.6", "so"),
            ("/opt/lib/libdriver.so.1.97.0-nightly", "so"),
            ("/opt/a.7z", "7z"),
            ("/usr/lib/libstdc++.so.6.0.33", "so"),
            ("app.log.12", "log"),
            ("app.log.2.gz", "gz"),
            ("main.rs~", "rs"),
            (".bashrc", NONE),
            (".config.json", "json"),
            ("Makefile", NONE),
            ("/srv.d/file", NONE),
            ("syslog.1", NONE),
            ("a.", NONE),
            ("..", NONE),
            ("", NONE),
            ("a.b..", "b"),
            ("song.mp3", "mp3"),
            ("a.7z", "7z"),
            ("clip.h264", "h264"),
            ("a.jpg2000", "jpg2000"),
            ("model.safetensors", "safetensors"),
            ("a.2024-11-21T10:00:00", NONE),
            ("a.20241121t100000", NONE),
            ("core.0badcafe", NONE),
            ("a.facade", "facade"),
            ("a.3f9c2b", NONE),
            ("a.x86_64", "x86_64"),
            ("a.thirteenchars", NONE),
            ("a.b c", NONE),
            ("a.\u{e9}t\u{e9}", NONE),
            ("a.<b>", NONE),
        ];
        for (name, expected) in cases {
            assert_eq!(kind(name), expected, "{name}");
        }
        let bytes = std::ffi::OsStr::from_bytes(b"a.\xff\n");
        assert_eq!(kind_of(Path::new(bytes), &mut [0; BUFFER_BYTES]), NONE);
    }

    // Guards against a compound type that does not fit, which would panic.
    #[test]
    fn every_type_fits() {
        let longest = |words: &[&str]| words.iter().map(|word| word.len()).max().unwrap();
        assert!(longest(&INNER) + 1 + longest(&OUTER) <= BUFFER_BYTES);
        const { assert!(MAX_LETTERS <= BUFFER_BYTES) };
    }

    // Guards the bound and the sums against types without end, and the large ones among them.
    #[test]
    fn many_types_are_merged_into_other() {
        let mut kinds = Kinds::default();
        let letter = |number: usize| char::from(b'a' + (number % 26) as u8);
        for number in 0..26 * 26 * 26 {
            let [a, b, c] = [number / 676, number / 26, number].map(letter);
            let sums = Sums { bytes: 10, zero_bytes: 1, saved_bytes: 2 };
            kinds.add(Path::new(&format!("x.{a}{b}{c}")), sums);
            kinds.add(Path::new("x.large"), sums);
            assert!(kinds.kinds.len() <= MAX_KINDS);
        }
        let rows = kinds.rows();
        assert_eq!(rows.len(), ROWS);
        assert_eq!((rows[0].kind.as_str(), rows[0].sums.saved_bytes), ("large", 2 * 17_576));
        assert_eq!(rows[ROWS - 1].kind, OTHER);
        let mut total = Sums::default();
        rows.iter().for_each(|row| total += row.sums);
        assert_eq!(total, Sums { bytes: 351_520, zero_bytes: 35_152, saved_bytes: 70_304 });
    }
}
