//! The scripts: lives of an index that between them pass every kind of write.

use std::sync::Arc;

use anyhow::Result;
use uds_index::Operation::{Delete, Post, Query, Update};

use uds_volume::sim::Random;

use crate::script::Script;
use crate::script::Step::{Close, Crash, Create, Do, Reopen, Save};
use crate::world::World;

/// All scripts, in a variant that the number decides: how many records there are between saves.
/// Variant 0 has the numbers that are written here.
///
/// # Errors
///
/// None in practice.
pub fn all(variant: u64) -> Result<Vec<Script>> {
    let dense = Arc::new(World::dense()?);
    let sparse = Arc::new(World::sparse()?);
    let wide = Arc::new(World::wide()?);
    let mut scripts = vec![];
    let mut add = |world: &Arc<World>, name, steps: Vec<_>| {
        scripts.push(Script { name, world: Arc::clone(world), steps });
    };
    // A chapter of the dense and the sparse world has 128 records.
    add(&dense, "create", vec![Create(1)]);
    add(&dense, "create and close", vec![Create(1), Close]);
    add(&dense, "first close", vec![Create(1), Do(Post, 0..50), Close]);
    add(&dense, "first close of a full chapter", vec![Create(1), Do(Post, 0..128), Close]);
    add(&dense, "no save at all", vec![Create(1), Do(Post, 0..700)]);
    let steps = vec![Create(1), Do(Post, 0..300), Do(Post, 300..1500), Do(Post, 1500..2300)];
    add(&dense, "wrap", steps);
    let steps = vec![Create(1), Do(Post, 0..300), Close, Create(1), Do(Post, 40..400), Close];
    add(&dense, "create over a closed index", steps);
    let steps = vec![Create(1), Do(Post, 0..400), Close, Create(3), Do(Update, 0..200)];
    add(&dense, "create over another, in three zones", steps);
    let steps = vec![Create(1), Do(Post, 0..60), Save, Do(Post, 60..90), Save, Do(Post, 90..100)];
    add(&dense, "both save slots", [steps, vec![Save, Do(Post, 100..110)]].concat());
    let steps = vec![Create(1), Do(Post, 0..200), Save, Do(Post, 200..300), Save];
    add(&dense, "discard", [steps, vec![Do(Post, 300..500), Save, Do(Post, 500..800)]].concat());
    let steps = vec![Create(1), Do(Post, 0..300), Close];
    add(&dense, "no-op close", [steps, vec![]].concat());
    let steps =
        vec![Create(1), Do(Post, 0..300), Reopen(1), Reopen(1), Do(Query, 0..20), Reopen(1)];
    add(&dense, "reopen, reopen", steps);
    let steps = vec![Create(1), Do(Post, 0..500), Crash(1), Do(Post, 450..700), Close];
    add(&dense, "rebuild", steps);
    let steps = vec![Create(1), Do(Post, 0..300), Crash(1), Save, Do(Post, 300..330), Crash(1)];
    add(&dense, "rebuild and its own save", [steps, vec![Do(Post, 330..600), Save]].concat());
    let steps = vec![Create(1), Do(Post, 0..1400), Crash(1), Do(Post, 1400..1700), Crash(1), Close];
    add(&dense, "rebuild of a full volume, twice", steps);
    let steps =
        vec![Create(1), Do(Post, 0..300), Save, Do(Post, 300..310), Crash(1), Do(Post, 310..500)];
    add(&dense, "dropped after a save", steps);
    let steps = vec![Create(3), Do(Post, 0..250), Reopen(2), Do(Post, 250..400), Reopen(1)];
    add(&dense, "zone change", [steps, vec![Do(Post, 400..600), Close]].concat());
    let steps = vec![Create(2), Do(Post, 0..600), Crash(3), Do(Post, 550..700), Save];
    add(&dense, "rebuild in other zones", steps);
    let steps = vec![Create(1), Do(Post, 0..400), Do(Update, 100..300), Save, Do(Delete, 0..50)];
    let more =
        vec![Do(Update, 20..350), Reopen(1), Do(Delete, 100..400), Do(Post, 100..250), Close];
    add(&dense, "updates and deletions", [steps, more].concat());
    let steps = vec![Create(1), Do(Post, 0..200), Do(Query, 0..150), Do(Post, 0..200), Save];
    let more = vec![Do(Query, 0..200), Do(Post, 200..500), Do(Query, 100..400), Save];
    add(&dense, "records that move", [steps, more].concat());
    let steps = vec![Create(1), Do(Post, 0..600), Save, Do(Post, 600..1500), Close];
    add(&sparse, "sparse", steps);
    let steps = vec![Create(1), Do(Post, 0..1500), Crash(1), Do(Post, 1500..1800), Save];
    add(&sparse, "sparse, rebuild", steps);
    let steps =
        vec![Create(2), Do(Post, 0..900), Reopen(1), Do(Query, 0..300), Do(Post, 900..1200)];
    add(&sparse, "sparse, zone change", [steps, vec![Close]].concat());
    let steps = vec![Create(1), Do(Post, 0..3200), Save, Do(Post, 3200..4800), Crash(1), Close];
    add(&wide, "several index pages", steps);
    if variant > 0 {
        let mut random = Random::of(0, variant);
        scripts.iter_mut().for_each(|script| vary(script, &mut random));
    }
    Ok(scripts)
}

/// Changes where the ranges of a script end, so that saves and chapters fall otherwise.
fn vary(script: &mut Script, random: &mut Random) {
    for step in &mut script.steps {
        if let Do(_, names) = step {
            let length = u64::from(names.end - names.start);
            let change = random.below(length + 1) as u32;
            names.end =
                if random.one_in(2) { names.end - change / 2 } else { names.end + change / 4 };
        }
    }
}

/// The scripts in which storage is made to fail: shorter, because each is run once a case, and
/// with every kind of write.
///
/// # Errors
///
/// None in practice.
pub fn short() -> Result<Vec<Script>> {
    let dense = Arc::new(World::dense()?);
    let sparse = Arc::new(World::sparse()?);
    let mut scripts = vec![];
    let mut add = |world: &Arc<World>, name, steps: Vec<_>| {
        scripts.push(Script { name, world: Arc::clone(world), steps });
    };
    add(&dense, "create and close", vec![Create(1), Close]);
    add(&dense, "first close", vec![Create(1), Do(Post, 0..150), Close]);
    let steps =
        vec![Create(1), Do(Post, 0..200), Save, Do(Post, 200..230), Save, Do(Post, 230..240)];
    add(&dense, "both save slots", [steps, vec![Close]].concat());
    let steps =
        vec![Create(1), Do(Post, 0..140), Save, Do(Post, 140..300), Save, Do(Post, 300..400)];
    add(&dense, "discard", [steps, vec![Close]].concat());
    add(&dense, "wrap", vec![Create(1), Do(Post, 0..1200), Save, Do(Post, 1200..1500), Close]);
    let steps = vec![Create(1), Do(Post, 0..300), Do(Query, 0..100), Do(Update, 50..150), Save];
    add(
        &dense,
        "records that move",
        [steps, vec![Do(Delete, 0..200), Do(Query, 0..300), Close]].concat(),
    );
    let steps = vec![Create(1), Do(Post, 0..300), Reopen(1), Do(Query, 0..250), Do(Post, 300..400)];
    add(&dense, "reopen", [steps, vec![Reopen(2), Do(Query, 100..200), Close]].concat());
    let steps =
        vec![Create(3), Do(Post, 0..200), Save, Do(Query, 0..100), Do(Post, 200..300), Close];
    add(&dense, "three zones", steps);
    let steps = vec![Create(1), Do(Post, 0..300), Close, Create(1), Do(Post, 200..400), Close];
    add(&dense, "create over a closed index", steps);
    let steps = vec![Create(1), Do(Post, 0..900), Do(Query, 0..300), Save, Do(Post, 900..1100)];
    add(&sparse, "sparse", [steps, vec![Do(Query, 500..700), Close]].concat());
    let steps = vec![Create(2), Do(Post, 0..300), Reopen(1), Do(Query, 0..200), Close];
    add(&sparse, "sparse, zone change", steps);
    let steps = vec![Create(1), Do(Post, 0..400), Do(Delete, 0..100), Do(Post, 0..50), Save];
    add(
        &dense,
        "deletions",
        [steps, vec![Do(Post, 400..500), Do(Delete, 300..350), Close]].concat(),
    );
    Ok(scripts)
}
