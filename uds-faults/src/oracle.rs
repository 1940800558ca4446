//! The oracle: what was stored under each name, when and in which chapter, and so which answers
//! are right, stale or wrong.
//!
//! All data say which name they are of and which *version* they are: versions count up over the
//! whole life of the index. An answer is wrong if its data was never stored under that name, and
//! stale if it is not of the name's latest version.
//!
//! The oracle learns from the index's own answers which record moved to the open chapter, and
//! checks each answer before it believes it.

mod events;

use anyhow::{Result, bail, ensure};
use uds_geometry::RecordData;
use uds_index::{Answer, Operation};

use self::events::{Event, Kind, Known, Wanted, apply, wanted_clean, wanted_recovered};
use crate::world::{World, parse};

/// What was lost where that is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Records.
    pub records: u64,
    /// The chapters that they were in.
    pub chapters: u64,
    /// How many records a chapter has.
    pub per_chapter: u64,
}

impl Loss {
    /// The greater of two losses, by the part of a chapter that it is.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        let is_greater = other.records * self.per_chapter > self.records * other.per_chapter;
        let is_first = self.records == 0 && other.records > 0;
        let mut worst = if is_greater || is_first { other } else { self };
        if self.chapters > worst.chapters {
            worst.chapters = self.chapters;
        }
        worst
    }
}

/// What is known after an index was recovered, or opened as it was saved.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// How many events have happened.
    pub events: usize,
    /// The chapters below are durable.
    pub durable: u32,
    /// The chapter that is open.
    pub newest: u32,
}

/// What a torn record page has done to names of the chapter that was being written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Torn {
    /// Whether records may have the name of one and the data of another.
    pub may_be_foreign: bool,
    /// Names that have the data of the page that was there before.
    pub older: u64,
    /// Names that have the data of another.
    pub foreign: u64,
}

/// What was damaged.
#[derive(Clone, Debug)]
pub struct Damaged {
    /// The chapters whose records may be missing, or older copies. `u32::MAX` among them: any name
    /// may be missing.
    pub chapters: Vec<u32>,
    /// The chapters below were recovered; `u32::MAX` where the index was opened as it was saved.
    pub durable: u32,
    /// How many records may have other data than what was stored.
    pub wrong: u64,
}

/// What damage did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Names that are not found any more.
    pub missing: u64,
    /// Names that have an older version.
    pub stale: u64,
    /// Names that have what was never stored under them.
    pub wrong: u64,
}

/// The history of an index since it was created.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    events: Vec<Event>,
    /// Of which name each version is.
    versions: Vec<u32>,
    current: Vec<Known>,
    /// The open chapter, and how many records it has.
    pub chapter: u32,
    /// How many places of it are taken; meaningful with one zone.
    pub arrivals: u32,
}

impl Oracle {
    /// A new index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events there were so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing has happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// A new version for a name.
    pub fn version(&mut self, number: u32) -> u32 {
        self.versions.push(number);
        let names = self.current.len().max(number as usize + 1);
        self.current.resize(names, Known::default());
        self.versions.len() as u32 - 1
    }

    /// No name from here on was ever in a request.
    #[must_use]
    pub fn names(&self) -> u32 {
        self.current.len() as u32
    }

    /// How many versions there are.
    #[must_use]
    pub fn versions(&self) -> u32 {
        self.versions.len() as u32
    }

    /// Says that the index was opened as it was after so many events: what came later is lost.
    pub fn forget_since(&mut self, events: usize) {
        self.lose(Kind::Forgotten, events as u32);
    }

    /// Whether data was ever to be stored under a name, and its version.
    ///
    /// # Errors
    ///
    /// Where it was not: the answer is wrong.
    pub fn check_right(&self, number: u32, stored: &RecordData) -> Result<u32> {
        match parse(stored) {
            Some((of, version))
                if of == number && self.versions.get(version as usize) == Some(&number) =>
            {
                Ok(version)
            }
            found => bail!("WRONG: name {number} has the data {stored}, which is {found:?}"),
        }
    }

    /// Takes note of an answer, and checks it. `chapters` are the first and the last chapter in
    /// which a record would be stored now; `version` is that of the request's data.
    ///
    /// Returns whether a record took a place in the open chapter.
    ///
    /// # Errors
    ///
    /// Where the answer is none that the index may give.
    pub fn learn(
        &mut self,
        world: &World,
        operation: Operation,
        number: u32,
        version: u32,
        answer: &Answer,
        (lo, hi): (u32, u32),
    ) -> Result<bool> {
        self.check_answer(world, number, answer, hi)?;
        let is_open = matches!(answer, Answer::Found { location: uds_index::Location::Open, .. });
        let stored = match answer.data() {
            Some(stored) => Some(self.check_right(number, &stored)?),
            None => None,
        };
        let (kind, stored) = match (operation, stored) {
            (Operation::Update, _) | (Operation::Post, None) => (Kind::Stored, version),
            (Operation::Post | Operation::Query, Some(old)) if !is_open => (Kind::Stored, old),
            (Operation::Delete, Some(old)) => (Kind::Deleted, old),
            _ => return Ok(false),
        };
        self.push(Event { number, version: stored, lo, hi, kind });
        // A record that replaces one in the same chapter takes its place.
        Ok(kind == Kind::Stored && !is_open)
    }

    fn push(&mut self, event: Event) {
        self.events.push(event);
        apply(&mut self.current[event.number as usize], &event);
    }

    /// Says that the index was recovered: the chapter `newest` is open and empty.
    pub fn crash(&mut self, newest: u32) {
        self.lose(Kind::Crashed, newest);
        (self.chapter, self.arrivals) = (newest, 0);
    }

    /// Says that a power cut came at `moment`, and that the index, recovered, has `found`: of the
    /// chapter that was being written, any part.
    pub fn recover(&mut self, moment: &Moment, found: &[Option<RecordData>]) {
        self.events.truncate(moment.events);
        let later = self.known(moment.events, moment.newest);
        self.crash(moment.durable);
        let chapter = moment.durable;
        for (number, found) in (0..).zip(found) {
            let held = found.as_ref().and_then(|stored| self.check_right(number, stored).ok());
            // What was found was posted, and so is known.
            let Some(version) = held else { continue };
            let latest = self.current[number as usize].latest;
            // Its old copy, in its chapter or, by limit B8, in this one.
            let is_in_flight = later[number as usize].latest.is_some_and(|(.., hi)| hi >= chapter);
            let lo = match latest {
                Some((latest, lo, _)) if latest == version && is_in_flight => lo,
                Some((latest, ..)) if latest == version => continue,
                _ => chapter,
            };
            self.push(Event { number, version, lo, hi: chapter, kind: Kind::Stored });
        }
        self.chapter = moment.newest;
    }

    fn lose(&mut self, kind: Kind, from: u32) {
        self.events.push(Event { number: 0, version: 0, lo: from, hi: from, kind });
        self.current = self.known(self.events.len(), u32::MAX);
    }

    fn check_answer(&self, world: &World, number: u32, answer: &Answer, newest: u32) -> Result<()> {
        let wanted = wanted_clean(&self.current[number as usize], world, newest);
        self.check(number, answer.data().as_ref(), wanted)
    }

    fn check(&self, number: u32, found: Option<&RecordData>, wanted: Wanted) -> Result<()> {
        let Some(stored) = found else {
            ensure!(!wanted.must, "LOST: name {number} is not found: {wanted:?}");
            return Ok(());
        };
        let version = self.check_right(number, stored)?;
        ensure!(wanted.may, "BACK: name {number} is found in version {version}: {wanted:?}");
        let is_fresh = (wanted.least..=wanted.most).contains(&version);
        ensure!(is_fresh, "STALE: name {number} is found in version {version}: {wanted:?}");
        Ok(())
    }

    /// What is known of each name after so many events, of what happened in chapters below
    /// `durable`. A deletion counts in whatever chapter.
    fn known(&self, events: usize, durable: u32) -> Vec<Known> {
        let events = &self.events[..events];
        let losses: Vec<(usize, &Event)> =
            events.iter().enumerate().filter(|(_, event)| event.is_loss()).collect();
        let mut known = vec![Known::default(); self.current.len()];
        for (position, event) in events.iter().enumerate() {
            let is_lost = losses.iter().any(|&(at, loss)| {
                at > position
                    && match loss.kind {
                        Kind::Forgotten => position >= loss.lo as usize,
                        // A deletion may have gone too, or not.
                        _ => event.hi >= loss.lo && event.kind == Kind::Stored,
                    }
            });
            match event.kind {
                Kind::Crashed => known.iter_mut().for_each(|known| known.may_return = true),
                Kind::Forgotten => {}
                _ if is_lost => {}
                Kind::Stored if event.hi >= durable => {}
                // Without the record, there is nothing to delete.
                _ => apply(&mut known[event.number as usize], event),
            }
        }
        known
    }

    /// Checks an index that was opened as it was saved at `moment`: it must be exactly that.
    /// Only where the number of zones has changed, one may have no room for records that were in
    /// the open chapter.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check_clean(
        &self,
        world: &World,
        moment: &Moment,
        may_drop: bool,
        found: &[Option<RecordData>],
    ) -> Result<()> {
        let known = self.known(moment.events, u32::MAX);
        for ((number, known), found) in (0..).zip(&known).zip(found) {
            let mut wanted = wanted_clean(known, world, moment.newest);
            let is_open = known.latest.is_some_and(|(_, _, hi)| hi == moment.newest);
            wanted.must &= !(may_drop && is_open);
            self.check(number, found.as_ref(), wanted)?;
        }
        Ok(())
    }

    /// Checks an index that was recovered: everything in durable chapters that it has room for must
    /// be there. Returns what is lost of what came later.
    ///
    /// The record pages of the chapter that was being written have no checksums. If its index has
    /// arrived and a sector of them has not, a name that is in both can have the data that it had
    /// in the slot's chapter before (limit B8), though it be of another index. Such names are
    /// counted in `torn`.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check_recovered(
        &self,
        world: &World,
        moment: &Moment,
        found: &[Option<RecordData>],
        torn: &mut Torn,
    ) -> Result<Loss> {
        let durable = self.known(moment.events, moment.durable);
        let later = self.known(moment.events, moment.newest);
        for ((number, known), found) in (0..).zip(&durable).zip(found) {
            let wanted = wanted_recovered(known, world, moment.newest);
            let Err(error) = self.check(number, found.as_ref(), wanted) else { continue };
            let is_in_flight = moment.newest > moment.durable
                && later[number as usize].latest.is_some_and(|(.., hi)| hi + 1 == moment.newest);
            let is_own = found.as_ref().and_then(parse).is_some_and(|(of, _)| of == number);
            ensure!(is_in_flight && found.is_some(), error);
            if is_own {
                torn.older += 1;
            } else {
                ensure!(torn.may_be_foreign, error);
                torn.foreign += 1;
            }
        }
        // Chapters that were written in time, though nobody was told.
        let durable = moment.durable.max(moment.newest.saturating_sub(1));
        Ok(self.loss(world, &Moment { durable, ..*moment }, found))
    }

    /// Checks that nothing is wrong, whatever is missing or stale.
    ///
    /// # Errors
    ///
    /// Which answer is wrong.
    pub fn check_not_wrong(&self, found: &[Option<RecordData>]) -> Result<()> {
        for (number, found) in (0..).zip(found) {
            if let Some(stored) = found {
                self.check_right(number, stored)?;
            }
        }
        Ok(())
    }

    /// Checks an index of which some bytes were damaged, in `chapter` if that is known, and else
    /// in what it was opened from. Names that the damage cannot have touched must be as they were;
    /// of others, at most `wrong` may be wrong. Says what the damage did.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check_damaged(
        &self,
        world: &World,
        moment: &Moment,
        found: &[Option<RecordData>],
        damaged: &Damaged,
    ) -> Result<Damage> {
        let mut damage = Damage::default();
        let known = self.known(moment.events, damaged.durable);
        for ((number, known), found) in (0..).zip(&known).zip(found) {
            let wanted = match damaged.durable {
                u32::MAX => wanted_clean(known, world, moment.newest),
                _ => wanted_recovered(known, world, moment.newest),
            };
            let Err(error) = self.check(number, found.as_ref(), wanted) else { continue };
            let is_touched = known.latest.is_some_and(|(.., hi)| damaged.chapters.contains(&hi));
            ensure!(is_touched || !found.is_some() && damaged.chapters.contains(&u32::MAX), error);
            match found {
                None => damage.missing += 1,
                Some(stored) if self.check_right(number, stored).is_ok() => damage.stale += 1,
                Some(_) => {
                    damage.wrong += 1;
                    ensure!(damage.wrong <= damaged.wrong, error);
                }
            }
        }
        Ok(damage)
    }

    /// What came after a save, up to `now`, and is not there.
    #[must_use]
    pub fn loss_since(
        &self,
        world: &World,
        save: &Moment,
        now: Option<&Moment>,
        found: &[Option<RecordData>],
    ) -> Loss {
        // The chapters of the save are all there.
        now.map_or_else(Loss::default, |now| {
            self.loss(world, &Moment { durable: save.newest.max(now.durable), ..*now }, found)
        })
    }

    /// What came after the durable chapters and is not there.
    fn loss(&self, world: &World, moment: &Moment, found: &[Option<RecordData>]) -> Loss {
        // A chapter is begun only when the one before the one before it is durable.
        let latest = self.known(moment.events, moment.durable + 2);
        let mut lost = Loss { per_chapter: world.records().into(), ..Loss::default() };
        let mut first = u32::MAX;
        let mut last = 0;
        for ((number, known), found) in (0..).zip(&latest).zip(found) {
            let Some((version, _, chapter)) = known.latest else { continue };
            let held = found.as_ref().and_then(|stored| self.check_right(number, stored).ok());
            if chapter >= moment.durable && !known.is_deleted && held < Some(version) {
                lost.records += 1;
                (first, last) = (first.min(chapter), last.max(chapter));
            }
        }
        if lost.records > 0 {
            lost.chapters = u64::from(last - first) + 1;
        }
        lost
    }
}
