//! A case as its JSON file states it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer};
use uds_geometry::{Configuration, MemorySize, Nonce, PhysicalChapter, VirtualChapter, ZoneCount};

use super::answers::Answers;
use super::program::ProgramStep;

/// A program that the reference ran, the chapters it wrote, and what it answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    memory: String,
    pub(crate) sparse: bool,
    /// The client's nonce.
    #[serde(deserialize_with = "nonce")]
    pub(crate) nonce: Nonce,
    /// The block of the image where the index starts.
    pub(crate) offset_blocks: u64,
    pub(crate) program: Vec<ProgramStep>,
    /// Whether the image was closed cleanly.
    pub(crate) clean: bool,
    pub(crate) chapters: Vec<ChapterHash>,
    pub(crate) answers: Answers,
    /// How many of the counters asked for were found.
    pub(crate) found: Option<u64>,
    /// Whether the same program must produce the same chapters.
    pub(crate) reproducible_chapters: bool,
    /// The name of the packed image, beside the JSON file.
    pub(crate) image: String,
}

/// A chapter that the reference wrote.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChapterHash {
    #[serde(deserialize_with = "slot")]
    pub(crate) slot: PhysicalChapter,
    #[serde(deserialize_with = "virtual_chapter")]
    pub(crate) virtual_chapter: VirtualChapter,
    /// The hash of its pages, undefined bits zeroed.
    #[serde(deserialize_with = "sha256")]
    pub(crate) sha256: [u8; 32],
}

impl Case {
    /// Reads a case and checks that its parts agree.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let case = Self::parse(&text).with_context(|| format!("in {}", path.display()))?;
        let file = path.file_stem().unwrap_or_default().to_string_lossy();
        ensure!(case.name == file, "case {:?} is in a file named {file:?}", case.name);
        Ok(case)
    }

    fn parse(text: &str) -> Result<Self> {
        let case: Self = serde_json::from_str(text)?;
        case.configuration()?;
        case.answers.check(case.found)?;
        case.check_program()?;
        ensure!(
            !case.image.contains(['/', '\\']),
            "image {:?} is not a file name: name a file beside the case",
            case.image
        );
        Ok(case)
    }

    /// Checks that the program leaves what the case says it leaves.
    fn check_program(&self) -> Result<()> {
        let created = matches!(self.program.first(), Some(ProgramStep::Create { .. }));
        ensure!(created, "the program does not begin with create");
        let clean = matches!(self.program.last(), Some(ProgramStep::Close));
        ensure!(clean == self.clean, "`clean` is {}, but the program ends otherwise", self.clean);
        let one_zone = self.program.iter().all(|step| match step {
            ProgramStep::Create { zones } | ProgramStep::Load { zones } => *zones == ZoneCount::ONE,
            _ => true,
        });
        let stated = self.reproducible_chapters;
        ensure!(
            one_zone || !stated,
            "chapters that several zones filled are stated as reproducible"
        );
        Ok(())
    }

    /// The configuration that the index was created with.
    pub(crate) fn configuration(&self) -> Result<Configuration> {
        if self.memory == "tiny" {
            return Ok(Configuration::tiny(self.sparse));
        }
        let memory: MemorySize = self.memory.parse()?;
        Ok(if self.sparse { Configuration::sparse(memory) } else { Configuration::dense(memory) })
    }
}

/// The cases of a folder whose names contain `filter`, in order. Fails where there is none.
pub(crate) fn list(folder: &Path, filter: &str) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_some_and(|found| found == "json") && name.contains(filter) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        bail!("no case in {} has {filter:?} in its name", folder.display());
    }
    paths.sort();
    Ok(paths)
}

fn nonce<'de, D: Deserializer<'de>>(from: D) -> Result<Nonce, D::Error> {
    u64::deserialize(from).map(Nonce::new)
}

fn slot<'de, D: Deserializer<'de>>(from: D) -> Result<PhysicalChapter, D::Error> {
    u32::deserialize(from).map(PhysicalChapter::new)
}

fn virtual_chapter<'de, D: Deserializer<'de>>(from: D) -> Result<VirtualChapter, D::Error> {
    u64::deserialize(from).map(VirtualChapter::new)
}

fn sha256<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(from)?;
    let mut hash = [0; 32];
    let digits = text.as_bytes();
    let well_formed = digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit);
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    if well_formed {
        Ok(hash)
    } else {
        Err(serde::de::Error::custom("a SHA-256 is 64 hexadecimal digits"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small case, as JSON.
    const TEXT: &str = r#"{
        "name": "small", "memory": "tiny", "sparse": false, "nonce": 7, "offset_blocks": 3,
        "program": ["create:1", "post:0:40:0", "update:10:12:5", "close"], "clean": true,
        "chapters": [{"slot": 1, "virtual_chapter": 5, "sha256":
            "00ff112714444593c2d1a957d65dd62ef344b4d3c7f1817c58de33851d761569"}],
        "answers": {"open_mode": "x", "query": "y", "checked_up_to": 42, "found_runs": [
            {"start": 0, "end": 10, "version": 0, "region": "dense"},
            {"start": 10, "end": 12, "version": 5, "region": "open"},
            {"start": 20, "end": 40, "version": 0, "region": "sparse"}]},
        "found": 32, "reproducible_chapters": true, "image": "small.img.zst"
    }"#;

    /// The small case.
    pub(crate) fn small() -> Case {
        Case::parse(TEXT).unwrap()
    }

    // Guards every field against being read as another.
    #[test]
    fn cases_are_read() {
        let case = small();
        assert_eq!((case.name.as_str(), case.sparse, case.clean), ("small", false, true));
        assert_eq!((case.nonce, case.offset_blocks), (Nonce::new(7), 3));
        assert_eq!(case.program.len(), 4);
        assert_eq!(case.chapters[0].slot, PhysicalChapter::new(1));
        assert_eq!(case.chapters[0].virtual_chapter, VirtualChapter::new(5));
        assert_eq!(case.chapters[0].sha256[..3], [0, 0xff, 0x11]);
        assert_eq!(case.configuration().unwrap(), Configuration::tiny(false));
        assert!(case.reproducible_chapters);
    }

    // Guards against a case that is half understood and passes.
    #[test]
    fn broken_cases_are_refused() {
        let broken = [
            ("\"tiny\"", "\"huge\"", "memory size \"huge\""),
            ("\"clean\"", "\"cleaned\"", "unknown field `cleaned`"),
            ("\"create:1\"", "\"create:99\"", "create:99"),
            ("00ff1127", "00ff112", "64 hexadecimal digits"),
            ("00ff1127", "00ff112g", "64 hexadecimal digits"),
            ("\"dense\"", "\"deep\"", "unknown variant `deep`"),
            ("\"found\": 32", "\"found\": 33", "33"),
            ("\"create:1\", ", "", "begin with create"),
            ("\"create:1\"", "\"create:2\"", "stated as reproducible"),
            ("\"clean\": true", "\"clean\": false", "the program ends otherwise"),
            ("small.img.zst", "../small.img.zst", "not a file name"),
        ];
        for (old, new, wanted) in broken {
            let error = format!("{:#}", Case::parse(&TEXT.replace(old, new)).unwrap_err());
            assert!(error.contains(wanted), "{new}: {error}");
        }
    }
}
