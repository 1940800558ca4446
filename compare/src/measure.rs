//! All phases on one store, in this process.

use std::error::Error;
use std::ops::ControlFlow;

#[cfg(not(feature = "rocksdb"))]
use anyhow::bail;
use anyhow::{Context, Result};
use uds_bench::{BenchError, IndexMaker, Maker, PhaseName, Plan, Report, run_phases};
use uds_geometry::{Configuration, ZoneCount};

use crate::comparison::Measured;
use crate::fjall::Fjall;
use crate::key_value::{KeyValueMaker, Setting};
use crate::lmdb::Lmdb;
use crate::memory::anonymous_bytes;
use crate::redb::Redb;
#[cfg(feature = "rocksdb")]
use crate::rocksdb::RocksDb;
use crate::store::Store;
use crate::versions;

/// Who is told the phase, what of it is done and of how much; and who can end the run.
type Progress<'a> = dyn FnMut(PhaseName, u64, u64) -> ControlFlow<()> + 'a;

/// Runs all phases on a store that is made in the folder of the setting. The configuration is
/// that of the index, where the store is ours.
///
/// # Errors
///
/// Where the store fails or answers wrongly, or `progress` ends the run.
pub fn measure(
    store: Store,
    setting: &Setting,
    configuration: &Configuration,
    plan: &Plan,
    progress: &mut Progress<'_>,
) -> Result<Measured> {
    let mut peak = None;
    let mut watched = |phase: PhaseName, done: u64, count: u64| {
        peak = peak.max(anonymous_bytes());
        progress(phase, done, count)
    };
    let setting = setting.clone();
    let report = match store {
        Store::Uds => {
            let path = setting.folder.join("records.uds");
            run(&IndexMaker::new(&path, configuration.clone(), ZoneCount::ONE), plan, &mut watched)
        }
        Store::Redb => run(&KeyValueMaker::<Redb>::new(setting), plan, &mut watched),
        Store::Lmdb => run(&KeyValueMaker::<Lmdb>::new(setting), plan, &mut watched),
        #[cfg(feature = "rocksdb")]
        Store::RocksDb => run(&KeyValueMaker::<RocksDb>::new(setting), plan, &mut watched),
        #[cfg(not(feature = "rocksdb"))]
        Store::RocksDb => bail!("RocksDB was left out when this was built: build with `rocksdb`"),
        Store::Fjall => run(&KeyValueMaker::<Fjall>::new(setting), plan, &mut watched),
    };
    let report = report.with_context(|| format!("{store} was not measured"))?;
    let version = versions::of(store);
    Ok(Measured { store, version, peak_anonymous_bytes: peak, report })
}

fn run<M: Maker>(maker: &M, plan: &Plan, progress: &mut Progress<'_>) -> Result<Report>
where
    BenchError<M::Error>: Error + Send + Sync + 'static,
{
    Ok(run_phases(maker, plan, progress)?)
}
