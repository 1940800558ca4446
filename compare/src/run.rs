//! A whole run: a process of its own for each store, so that peak memory, the heap's state and
//! processor time are each store's own.
//!
//! Invariants:
//! 1. Stores are measured in turns: all once, then all again. A machine that slows down while it
//!    is measured slows down all of them.
//! 2. A store's folder is gone before the next store begins.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use uds_bench::{PhaseName, Plan};
use uds_geometry::{Configuration, MemorySize};

use crate::comparison::{Comparison, Measured};
use crate::folder::Folder;
use crate::key_value::Setting;
use crate::measure::measure;
use crate::store::Store;

/// How often a line says how far a phase is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Records that each store is filled with.
    pub records: u64,
    /// Requests of each further phase.
    pub ops: u64,
    /// Memory of each store but ours for caches and write buffers, in bytes.
    pub memory_bytes: u64,
    /// The stores.
    pub stores: Vec<Store>,
    /// How many times each is measured.
    pub runs: usize,
    /// Where the folders of the stores are made.
    pub folder: PathBuf,
}

/// Set when the user wants no more.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Hears of Ctrl-C and of a polite kill from now on.
    ///
    /// # Errors
    ///
    /// Where the system refuses the handlers.
    pub fn on_signals() -> Result<Self> {
        let stop = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop.0))
                .context("cannot listen for signals")?;
        }
        Ok(stop)
    }

    // Nothing hangs on the flag, so the access is relaxed.
    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Measures all stores, each in a process of its own.
///
/// # Errors
///
/// Where a store could not be measured, or the user wants no more.
pub fn all(options: &Options, stop: &Stop) -> Result<Comparison> {
    let mut runs = vec![Vec::new(); options.stores.len()];
    for turn in 1..=options.runs {
        for (&store, runs) in options.stores.iter().zip(&mut runs) {
            eprintln!("{store}, run {turn} of {}", options.runs);
            runs.push(in_process(store, options)?);
            if stop.is_set() {
                bail!("stopped before all stores were measured");
            }
        }
    }
    let Options { records, ops, memory_bytes, .. } = *options;
    let stores = runs.iter().filter_map(|runs| Measured::median(runs)).collect();
    Ok(Comparison { records, ops, memory_bytes, runs: options.runs, stores })
}

/// Measures one store in a process of its own.
fn in_process(store: Store, options: &Options) -> Result<Measured> {
    let own = std::env::current_exe().context("cannot find the program that runs")?;
    let output = Command::new(own)
        .args(["--alone", store.argument()])
        .args(["--records", &options.records.to_string(), "--ops", &options.ops.to_string()])
        .args(["--memory", &options.memory_bytes.to_string()])
        .arg("--folder")
        .arg(&options.folder)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start a process for {store}"))?;
    if !output.status.success() {
        bail!("{store} was not measured, its process ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the process for {store} printed something else than a report"))
}

/// Measures one store in this process, in a folder that is removed afterwards, and prints the
/// result as JSON.
///
/// # Errors
///
/// Where the store could not be measured, or the user wants no more.
pub fn alone(store: Store, options: &Options, stop: &Stop) -> Result<()> {
    let path = own_folder(&options.folder, store);
    let folder = Folder::create(path.clone())
        .with_context(|| format!("cannot make the folder {}", path.display()))?;
    let setting = Setting {
        folder: folder.path().to_owned(),
        memory: usize::try_from(options.memory_bytes).context("more memory than addresses")?,
        records: options.records,
    };
    let plan = Plan::new(options.records, options.ops);
    let mut told = Told { phase: None, at: Instant::now() };
    let mut progress = |phase, done, count| {
        told.tell(store, phase, done, count);
        if stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let configuration = Configuration::dense(MemorySize::MB_256);
    let measured = measure(store, &setting, &configuration, &plan, &mut progress)?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &measured).context("cannot print the report")?;
    writeln!(out).context("cannot print the report")
}

fn own_folder(parent: &Path, store: Store) -> PathBuf {
    parent.join(format!("uds-compare-{}-{}", std::process::id(), store.argument()))
}

/// What was said last of the progress.
struct Told {
    phase: Option<PhaseName>,
    at: Instant,
}

impl Told {
    /// Says how far a store is, at the beginning of each phase and from time to time.
    fn tell(&mut self, store: Store, phase: PhaseName, done: u64, count: u64) {
        if self.phase == Some(phase) && self.at.elapsed() < TELL_EVERY {
            return;
        }
        eprintln!("{store}: {phase}, {done} of {count}");
        *self = Self { phase: Some(phase), at: Instant::now() };
    }
}
