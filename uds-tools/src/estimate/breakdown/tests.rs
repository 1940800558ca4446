//! Random trees against a model without bounds, and names that nobody should have.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::cut::{CutRow, cut};
use super::*;
use crate::estimate::compress::{Compression, Population, SampleKey, Sampler};
use crate::html::{BarRow, Bars};
use crate::terminal::Canvas;

const BLOCK: u64 = 4096;
const CANVAS: Canvas = Canvas { columns: 60, is_unicode: false };

/// A file of a made-up tree.
#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
    root: PathBuf,
    blocks: u64,
    zero: u64,
    saved: u64,
}

impl File {
    fn new(path: &str, root: &str, blocks: u64, saved: u64) -> Self {
        Self { path: path.into(), root: root.into(), blocks, zero: 0, saved }
    }

    fn tally(&self) -> FileTally<'_> {
        FileTally {
            path: &self.path,
            root: &self.root,
            bytes: self.blocks * BLOCK,
            zero_bytes: self.zero * BLOCK,
            saved_bytes: (self.saved * BLOCK) as i64,
        }
    }

    fn sums(&self) -> Sums {
        Sums {
            bytes: (self.blocks + self.zero) * BLOCK,
            zero_bytes: self.zero * BLOCK,
            saved_bytes: (self.saved * BLOCK) as i64,
        }
    }
}

fn fed<'a>(files: impl IntoIterator<Item = &'a File>) -> Breakdown {
    let mut breakdown = Breakdown::default();
    for file in files {
        breakdown.add(&file.tally());
    }
    breakdown
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Sums>) -> Sums {
    let mut total = Sums::default();
    all.into_iter().for_each(|sums| total += *sums);
    total
}

/// What every breakdown must hold.
#[track_caller]
fn check(breakdown: &Breakdown) -> Vec<CutRow> {
    let rows = cut(&breakdown.tree);
    assert!(rows.len() <= ROWS, "{rows:#?}");
    assert_eq!(sum(rows.iter().map(|row| &row.sums)), breakdown.total());
    let kinds = breakdown.kinds.rows();
    assert!(kinds.len() <= ROWS, "{kinds:#?}");
    assert_eq!(sum(kinds.iter().map(|row| &row.sums)), breakdown.total());
    assert!(breakdown.tree.nodes().len() <= tree::MAX_NODES);
    assert!(breakdown.memory_bytes() <= MAX_BYTES, "{}", breakdown.memory_bytes());
    rows
}

/// Files of a random tree under one of three roots.
fn files() -> impl Strategy<Value = Vec<File>> {
    let name = || prop::sample::select(vec!["a", "b", "c", "lib.d", "x y"]);
    let kind = prop::sample::select(vec!["txt", "RS", "tar.gz", "so.6", "", "20241121"]);
    let root = prop::sample::select(vec!["/srv", "/srv/b", "home", "."]);
    let file = (root, prop::collection::vec(name(), 0..6), kind, 0..50_u64, 0..4_u64, 0..100_u64);
    let file = file.prop_map(|(root, names, kind, blocks, zero, percent)| {
        let mut path = PathBuf::from(root);
        path.extend(&names);
        path.push(format!("f.{kind}"));
        File { path, root: root.into(), blocks, zero, saved: blocks * percent / 100 }
    });
    // A scan reads each file once: no two have one path.
    prop::collection::vec(file, 0..200).prop_map(|mut files| {
        for (number, file) in files.iter_mut().enumerate() {
            let name = file.path.file_name().unwrap().to_str().unwrap();
            file.path.set_file_name(format!("{number}{name}"));
        }
        files
    })
}

/// What lies at or below each directory, of all that there are.
fn model(files: &[File]) -> BTreeMap<PathBuf, Sums> {
    let mut sums: BTreeMap<PathBuf, Sums> = BTreeMap::new();
    for file in files {
        for directory in file.path.ancestors().skip(1) {
            *sums.entry(directory.to_path_buf()).or_default() += file.sums();
        }
    }
    sums
}

proptest! {
    // Guards the sums: a file counted twice, or nowhere, or in a row that it does not belong to,
    // and an order of feeding that changes what is told.
    #[test]
    fn rows_are_parts_of_the_tree((files, other) in files().prop_flat_map(|files| {
        (Just(files.clone()), Just(files).prop_shuffle())
    })) {
        let breakdown = fed(&files);
        let rows = check(&breakdown);
        let all: Vec<_> = files.iter().map(File::sums).collect();
        prop_assert_eq!(breakdown.total(), sum(&all));
        let model = model(&files);
        for row in &rows {
            let below = rows.iter().filter(|other| {
                other.path != row.path && other.path.starts_with(&row.path)
            });
            let mut told = row.sums;
            let mut is_rest = false;
            // A row holds what the rows below it do not.
            for other in below {
                told += other.sums;
                is_rest = true;
            }
            // `starts_with` takes the empty path as above all others, as the rows do.
            prop_assert_eq!(row.is_rest, is_rest, "{:?}", &rows);
            let is_everything = row.path.as_os_str().is_empty();
            let expected = if is_everything { breakdown.total() } else { model[&row.path] };
            prop_assert_eq!(told, expected, "{:?} of {:#?}", row.path, &rows);
        }
        let shuffled = fed(&other);
        prop_assert_eq!(cut(&shuffled.tree), rows);
        prop_assert_eq!(shuffled.kinds.rows(), breakdown.kinds.rows());
        prop_assert_eq!(shuffled.top.files(), breakdown.top.files());
    }

    // Guards the ten files against a sort of all, ties included.
    #[test]
    fn the_top_files_are_those_of_a_sort(files in files()) {
        let breakdown = fed(&files);
        let mut all: Vec<_> = files.iter().filter(|file| file.saved > 0).collect();
        all.sort_by(|a, b| b.saved.cmp(&a.saved).then_with(|| a.path.cmp(&b.path)));
        let expected: Vec<_> = all.iter().take(10).map(|file| (&file.path, file.saved)).collect();
        let found: Vec<_> = breakdown.top.files().iter()
            .map(|file| (&file.path, file.sums.saved() / BLOCK)).collect();
        prop_assert_eq!(found, expected);
    }
}

fn labels(rows: &[CutRow]) -> Vec<(&str, bool)> {
    rows.iter().map(|row| (row.path.to_str().unwrap(), row.is_rest)).collect()
}

// Guards the purpose: savings that lie deep are shown there, those that are spread over many
// directories are shown above them, and the rest is told.
#[test]
fn rows_are_where_the_savings_are() {
    let mut files = vec![
        File::new("/srv/vm/images/deep/below/disk.img", "/srv", 1000, 600),
        File::new("/srv/readme", "/srv", 10, 1),
    ];
    for user in 0..500 {
        files.push(File::new(&format!("/srv/home/user{user}/mail/box"), "/srv", 4, 1));
    }
    let rows = check(&fed(&files));
    assert_eq!(
        labels(&rows),
        [("/srv/vm/images/deep/below", false), ("/srv/home", false), ("/srv", true)]
    );
    assert_eq!(rows[1].sums.saved(), 500 * BLOCK);
    assert_eq!(rows[2].sums.saved(), BLOCK);
}

// Guards the given paths: one that saves nothing is told too, a file as well as a directory, and
// many of them do not take all rows.
#[test]
fn given_paths_have_rows_if_they_are_few() {
    let rows = check(&fed(&[
        File::new("/a/x/y", "/a", 10, 5),
        File::new("/b/c/disk.img", "/b/c/disk.img", 7, 0),
        File::new("./d/e", ".", 3, 0),
    ]));
    assert_eq!(labels(&rows), [("/a/x", false), ("/b/c/disk.img", false), (".", false)]);
    let many: Vec<_> = (0..2000)
        .map(|number| format!("/dev/disk{number}"))
        .map(|path| File::new(&path, &path, 10, 2))
        .collect();
    assert_eq!(labels(&check(&fed(&many))), [("/dev", false)]);
}

// Guards the rows where nothing is saved: they show where the data is.
#[test]
fn without_savings_rows_show_the_data() {
    let rows = check(&fed(&[
        File::new("/a/large/file", "/a", 1000, 0),
        File::new("/a/small/file", "/a", 1, 0),
    ]));
    assert_eq!(labels(&rows), [("/a/large", false), ("/a", true)]);
    assert!(check(&Breakdown::default()).is_empty());
}

// Guards the bound with many more directories than fit, and that those that save much survive it
// with all but little of what they save.
#[test]
fn many_directories_are_merged_and_nothing_is_lost() {
    let mut breakdown = Breakdown::default();
    let mut feed = |path: String, saved| breakdown.add(&File::new(&path, "/srv", 8, saved).tally());
    for number in 0_u64..100_000 {
        let (a, b) = (number % 13, number % 977);
        feed(format!("/srv/{a}/{b}/{number}/file"), number % 2);
        // In between, and so from many nodes that come and go.
        if number % 10 == 0 {
            feed("/srv/5/6/large/file".to_owned(), 8);
            feed("/srv/large/file".to_owned(), 4);
        }
    }
    let rows = check(&breakdown);
    assert_eq!(breakdown.total().bytes, 120_000 * 8 * BLOCK);
    assert_eq!(breakdown.total().saved(), (50_000 + 80_000 + 40_000) * BLOCK);
    for (path, saved) in [("/srv/5/6/large", 80_000), ("/srv/large", 40_000)] {
        let row = rows.iter().find(|row| row.path == Path::new(path)).unwrap();
        let told = row.sums.saved() / BLOCK;
        assert!(told <= saved && told >= saved * 99 / 100, "{path}: {told} of {saved}");
    }
}

// Guards the bounds against paths of any depth, length and bytes.
#[test]
fn hostile_paths_stay_within_the_bounds() {
    let long = |length: usize| "n".repeat(length);
    let mut paths: Vec<PathBuf> = ["", "/", "..", "a", "//a//b", "/\u{1b}[31m\n/x", "\u{202e}/y"]
        .into_iter()
        .map(PathBuf::from)
        .collect();
    paths.push(OsStr::from_bytes(b"/\xff\xfe/\x01/z.\x80").into());
    paths.push(format!("/{}/{}", long(4000), long(3000)).into());
    for number in 0..3000 {
        paths.push(format!("/{}{}", "d/".repeat(2000), number).into());
        paths.push(format!("/{number}{}/{}", long(250), "e/".repeat(number % 90)).into());
        paths.push(format!("/f/{number}{}.{number}{}", long(240), long(9)).into());
    }
    let mut breakdown = Breakdown::default();
    for path in &paths {
        let root = path.ancestors().last().unwrap();
        let file = File { path: path.clone(), root: root.into(), blocks: 2, zero: 1, saved: 1 };
        breakdown.add(&file.tally());
    }
    check(&breakdown);
    let count = paths.len() as u64;
    let total = Sums {
        bytes: 3 * BLOCK * count,
        zero_bytes: BLOCK * count,
        saved_bytes: (BLOCK * count) as i64,
    };
    assert_eq!(breakdown.total(), total);
    // An estimate that is larger than all there is, and sums that do not fit.
    let huge =
        File { blocks: u64::MAX / BLOCK, saved: u64::MAX / BLOCK, ..File::new("a", "a", 0, 0) };
    for _ in 0..3 {
        breakdown.add(&huge.tally());
    }
    assert_eq!(breakdown.total().bytes, u64::MAX);
    assert!(cut(&breakdown.tree).len() <= ROWS);
}

/// What is told of a small tree, with everything in it.
fn savings() -> Savings {
    let mut ages = AgeTally::default();
    ages.add(0, 200 * BLOCK);
    ages.add(5, 400 * BLOCK);
    ages.add(2000, 101 * BLOCK);
    let sampler = Sampler::default();
    for number in 0..100 {
        sampler.add(SampleKey::of_place(1, number), 4096, 500 + 40 * number as u32);
    }
    let population = Population {
        is_of_all_blocks: false,
        shares_blocks: true,
        bytes: 2000 * BLOCK,
        zero_bytes: 100 * BLOCK,
        duplicate_bytes: 701 * BLOCK,
    };
    let files = [
        File::new("/srv/vm/images/deep/below/some/more/disk.img", "/srv", 1000, 600),
        File { zero: 100, ..File::new("/srv/<b>&\u{1b}[31m/a.tar.gz", "/srv", 500, 100) },
        File::new("/srv/readme", "/srv", 10, 1),
        File::new("/backup/readme", "/backup", 390, 0),
    ];
    let scope = Scope { unit: AgeUnit::Blocks, is_sampled: false };
    Savings::new(&fed(&files), &ages, Some(sampler.result(&population)), scope)
}

// Guards the text that people see.
#[test]
fn the_text_for_people() {
    let text = savings().text(CANVAS);
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

#[track_caller]
fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 60, "{line:?}");
    }
}

// Guards the width at the largest numbers, and what is told of a sample and of chunks.
#[test]
fn a_text_of_exabytes_fits() {
    let mut ages = AgeTally::default();
    (0..32).for_each(|power| ages.add(1 << power, 1023 << 50));
    let files: Vec<_> = (0..20_u64)
        .map(|number| format!("/{number}{}/{}.abcdefghij{number}", "x".repeat(90), "y".repeat(99)))
        .map(|path| File::new(&path, "/", 1023 << 35, 1022 << 35))
        .collect();
    let scope = Scope { unit: AgeUnit::Chunks, is_sampled: true };
    let told = Savings::new(&fed(&files), &ages, None, scope);
    let text = told.text(CANVAS);
    assert_fits(&text);
    let wide = told.text(Canvas { columns: 100, ..CANVAS });
    let widest = wide.lines().map(|line| line.chars().count()).max();
    assert_eq!(widest, Some(100), "a wide terminal is used: {wide}");
    assert!(text.contains("an estimate from a sample"), "{text}");
    assert!(text.contains("64 to 256 K chunks"), "{text}");
    assert!(told.bars().iter().all(|bars| bars.note.contains("sample")));
}

// Guards against sections of nothing.
#[test]
fn where_nothing_is_saved_nothing_is_told() {
    let scope = Scope { unit: AgeUnit::Blocks, is_sampled: false };
    let breakdown = fed(&[File::new("/a/b", "/a", 10, 0)]);
    let told = Savings::new(&breakdown, &AgeTally::default(), None, scope);
    assert!(told.text(CANVAS).is_empty() && told.bars().is_empty());
}

// Guards the list of files against rows of nothing, and of none at all.
#[test]
fn files_that_save_little_are_left_out() {
    let scope = Scope { unit: AgeUnit::Blocks, is_sampled: false };
    let told = |files: &[File]| Savings::new(&fed(files), &AgeTally::default(), None, scope);
    let paths = |told: &Savings| -> Vec<String> {
        told.top_files.iter().map(|file| file.path.display().to_string()).collect()
    };
    let few = ["/a/large", "/a/thousandth", "/a/less"].map(|path| File::new(path, "/a", 9999, 0));
    let [large, thousandth, less] = few;
    let files = [
        File { saved: 9980, ..large },
        File { saved: 11, ..thousandth },
        File { saved: 9, ..less },
    ];
    assert_eq!(paths(&told(&files)), ["/a/large", "/a/thousandth"]);
    let many: Vec<_> =
        (0..5000).map(|number| File::new(&format!("/a/{number:04}"), "/a", 1, 1)).collect();
    assert_eq!(paths(&told(&many)), ["/a/0000"], "the first has a row in any case");
}

// Guards against a section about no blocks, except where it is all that was asked for.
#[test]
fn without_samples_nothing_is_told_of_compression() {
    let scope = Scope { unit: AgeUnit::Blocks, is_sampled: false };
    let told = |is_of_all_blocks| {
        let population = Population {
            is_of_all_blocks,
            shares_blocks: true,
            bytes: BLOCK,
            zero_bytes: BLOCK,
            duplicate_bytes: 0,
        };
        let found = Sampler::default().result(&population);
        Savings::new(&Breakdown::default(), &AgeTally::default(), Some(found), scope)
    };
    assert!(told(false).compression().is_none() && told(false).text(CANVAS).is_empty());
    assert_eq!(told(true).text(CANVAS), "\nCompress   no block to try\n");
}

// Guards the charts: rows that are not those of the text, and shares of something else.
#[test]
fn bars_say_what_the_rows_say() {
    let bars: Vec<Bars> = savings().bars();
    let ids: Vec<_> = bars.iter().map(|bars| bars.id).collect();
    assert_eq!(ids, ["by-directory", "by-type", "by-age", "top-files"]);
    let BarRow { label, value, value_text, share_text } = &bars[0].rows[0];
    assert_eq!(label, "/srv/vm/images/deep/below/some/more");
    assert_eq!(*value, 600 * BLOCK);
    assert_eq!(
        (value_text.as_str(), share_text.as_str()),
        ("2.34 MiB of 3.91 MiB (60.0%)", "85.6%")
    );
    // The duplicates of the ages are all of them, here.
    let sums: Vec<u64> =
        bars.iter().map(|bars| bars.rows.iter().map(|row| row.value).sum()).collect();
    assert_eq!(sums, [701 * BLOCK; 4]);
}

// Guards the schema: what is printed is what it describes, field by field.
#[test]
fn the_json_is_as_the_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/estimate.json");
    let mut schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let all = schema.as_object_mut().unwrap();
    all.retain(|key, _| key == "$defs" || key == "$schema");
    all.insert("$ref".to_owned(), "#/$defs/savings".into());
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let empty = Savings::new(
        &Breakdown::default(),
        &AgeTally::default(),
        None::<Compression>,
        Scope { unit: AgeUnit::Chunks, is_sampled: true },
    );
    for told in [savings(), empty] {
        let object = serde_json::to_value(&told).unwrap();
        let errors: Vec<_> = schema.iter_errors(&object).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{object:#}");
    }
    let object = serde_json::to_value(savings()).unwrap();
    assert_eq!(object["by_directory"][0]["path"], "/srv/vm/images/deep/below/some/more");
    assert_eq!(object["by_age"][1]["saved_bytes"], 0);
    let mut wrong = object.clone();
    wrong["top_files"][0]["rest"] = true.into();
    assert!(!schema.is_valid(&wrong));
}

// Not a check: prints what feeding costs.
// cargo test --release -p uds-tools --bin uds feeding_costs -- --ignored --nocapture
#[test]
#[ignore = "it prints what feeding costs, and takes a while"]
fn feeding_costs() {
    let cases: [(&str, u64, u64); 3] =
        [("1000 files a directory", 1000, 1), ("10 files a directory", 10, 1), ("1 file", 1, 1)];
    for (name, files, saved) in cases {
        let paths: Vec<_> = (0..1_000_000_u64)
            .map(|number| {
                let directory = number / files;
                let (a, b) = (directory / 10_000, directory / 100 % 100);
                format!("/srv/data/projects/{a}/{b}/{}/source/file{number}.txt", directory % 100)
            })
            .map(|path| File::new(&path, "/srv/data", 4, saved))
            .collect();
        let mut breakdown = Breakdown::default();
        let start = std::time::Instant::now();
        paths.iter().for_each(|file| breakdown.add(&file.tally()));
        let each = start.elapsed() / paths.len() as u32;
        let start = std::time::Instant::now();
        let rows = check(&breakdown).len();
        let told = start.elapsed();
        let memory = breakdown.memory_bytes();
        println!("{name}: {each:?} a file; {rows} rows in {told:?}; {memory} bytes");
    }
}
