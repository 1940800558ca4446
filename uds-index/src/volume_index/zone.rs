//! One zone of a volume index: the samples apart from all other names, where the index is sparse.

use uds_delta_index::{DeltaStatistics, Insertion};
use uds_geometry::{
    RecordName, SubIndexParameters, VirtualChapter, VolumeIndexParameters, ZoneCount, ZoneId,
};

use super::sub_index::{self, SubIndexZone};
use super::trace::EntryTrace;
use crate::IndexError;
use crate::sync::{Arc, Mutex, MutexGuard, into_inner, lock};

/// One zone of a volume index.
#[derive(Debug)]
pub(crate) struct VolumeIndexZone {
    parameters: Arc<VolumeIndexParameters>,
    pub(super) non_hook: SubIndexZone,
    hook: Option<Hooks>,
}

/// The samples of a zone of a sparse index. Triage looks them up from other threads; each
/// operation takes the lock for itself (specification, section 9.7).
#[derive(Clone, Debug)]
pub(crate) struct Hooks(Arc<Mutex<SubIndexZone>>);

/// What a look-up found, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    entry: sub_index::Entry,
    /// Whether the name is a sample.
    pub(crate) is_hook: bool,
}

impl Entry {
    /// The chapter that the entry names; none where there is no entry.
    pub(crate) fn chapter(&self) -> Option<VirtualChapter> {
        self.entry.chapter
    }

    /// Whether the entry knows its whole name, so that it is this name's for certain.
    pub(crate) fn is_collision(&self) -> bool {
        self.entry.is_collision
    }
}

impl Hooks {
    fn lock(&self) -> MutexGuard<'_, SubIndexZone> {
        lock(&self.0)
    }

    /// The chapter that a sample is probably in, for triage. An entry of an expired chapter that
    /// was not flushed may look like one of any chapter.
    pub(crate) fn peek(&self, name: &RecordName) -> Result<Option<VirtualChapter>, IndexError> {
        self.lock().peek(name)
    }
}

impl VolumeIndexZone {
    /// An empty zone. Its memory is not touched before entries come.
    pub(crate) fn new(
        parameters: &Arc<VolumeIndexParameters>,
        zone: ZoneId,
        zones: ZoneCount,
    ) -> Result<Self, IndexError> {
        let make = |part: &SubIndexParameters| SubIndexZone::new(part, zone, zones);
        let hook = parameters.hook.as_ref().map(make).transpose()?;
        Ok(Self::of(parameters, make(&parameters.non_hook)?, hook))
    }

    /// A zone of these parts.
    pub(super) fn of(
        parameters: &Arc<VolumeIndexParameters>,
        non_hook: SubIndexZone,
        hook: Option<SubIndexZone>,
    ) -> Self {
        let hook = hook.map(|hook| Hooks(Arc::new(Mutex::new(hook))));
        Self { parameters: Arc::clone(parameters), non_hook, hook }
    }

    /// The zone's parts, where nobody else has its samples.
    pub(crate) fn into_parts(self) -> Result<(SubIndexZone, Option<SubIndexZone>), IndexError> {
        let hook = match self.hook {
            Some(Hooks(hook)) => {
                let hook = Arc::into_inner(hook).ok_or(IndexError::Panicked)?;
                Some(into_inner(hook))
            }
            None => None,
        };
        Ok((self.non_hook, hook))
    }

    /// The zone's samples, where the index is sparse.
    pub(crate) fn hooks(&self) -> Option<&Hooks> {
        self.hook.as_ref()
    }

    /// The zone's samples, if `name` is one.
    fn hooks_of(&self, name: &RecordName) -> Option<&Hooks> {
        self.hook.as_ref().filter(|_| self.parameters.hook_of(name).is_some())
    }

    /// Does something with each part: the non-hook one first.
    pub(super) fn with_parts<T, E>(
        &self,
        mut with: impl FnMut(&SubIndexZone, bool) -> Result<T, E>,
    ) -> Result<(), E> {
        with(&self.non_hook, false)?;
        if let Some(hooks) = &self.hook {
            with(&hooks.lock(), true)?;
        }
        Ok(())
    }

    /// Does something with the part of the samples, or with the other one; nothing where there are
    /// no samples.
    pub(crate) fn with_part<T>(
        &self,
        is_hook: bool,
        with: impl FnOnce(&SubIndexZone) -> T,
    ) -> Option<T> {
        match &self.hook {
            Some(hooks) if is_hook => Some(with(&hooks.lock())),
            None if is_hook => None,
            _ => Some(with(&self.non_hook)),
        }
    }

    /// Does something with the part of the samples, if there is one, or with the other one.
    pub(crate) fn with_part_mut<E>(
        &mut self,
        is_hook: bool,
        with: impl FnOnce(&mut SubIndexZone) -> Result<(), E>,
    ) -> Result<(), E> {
        match &self.hook {
            Some(hooks) if is_hook => with(&mut hooks.lock()),
            None if is_hook => Ok(()),
            _ => with(&mut self.non_hook),
        }
    }

    /// Makes the windows those of `newest`, in an empty zone that will get the entries of older
    /// chapters.
    pub(crate) fn begin_replay(&mut self, newest: VirtualChapter) -> Result<(), IndexError> {
        self.non_hook.begin_replay(newest)?;
        match &self.hook {
            Some(hooks) => hooks.lock().begin_replay(newest),
            None => Ok(()),
        }
    }

    /// A sum over the parts.
    fn sum<T>(&self, of: impl Fn(&SubIndexZone) -> T, plus: impl Fn(T, T) -> T) -> T {
        let sum = of(&self.non_hook);
        match &self.hook {
            Some(hooks) => plus(sum, of(&hooks.lock())),
            None => sum,
        }
    }

    /// How many chapters expired early for want of memory.
    pub(crate) fn early_flushes(&self) -> u64 {
        self.sum(SubIndexZone::early_flushes, |a, b| a + b)
    }

    /// What the delta lists have counted. The records include expired ones not yet flushed.
    pub(crate) fn statistics(&self) -> DeltaStatistics {
        self.sum(SubIndexZone::statistics, DeltaStatistics::plus)
    }

    /// Bytes of memory in use, or set aside.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.sum(SubIndexZone::memory_bytes, |a, b| a + b)
    }

    /// Moves the windows to `chapter`, which is now open (specification, section 9.3).
    pub(crate) fn set_open_chapter(&mut self, chapter: VirtualChapter) {
        self.non_hook.set_open_chapter(chapter);
        if let Some(hooks) = &self.hook {
            hooks.lock().set_open_chapter(chapter);
        }
    }

    /// Reads memory that looking up `name` will need, so that many look-ups can wait for memory
    /// together. The result means nothing.
    pub(crate) fn touch(&self, name: &RecordName) -> u64 {
        match self.hooks_of(name) {
            Some(hooks) => hooks.lock().touch(name),
            None => self.non_hook.touch(name),
        }
    }

    /// Begins to look names up, which [`get`](Self::get) ends: together they wait for memory, and
    /// are walked to, much faster than one by one. What was begun before is given up.
    pub(crate) fn look_ahead<'a>(&mut self, names: impl Iterator<Item = &'a RecordName> + Clone) {
        if let Some(Hooks(hooks)) = &self.hook {
            let hooks = lock(hooks);
            let samples = names.clone().filter(|name| self.parameters.hook_of(name).is_some());
            std::hint::black_box(samples.fold(0, |all, name| all ^ hooks.touch(name)));
        }
        let parameters = &self.parameters;
        let others = names.map(|name| parameters.hook_of(name).is_none().then_some(name));
        self.non_hook.look_ahead(others);
    }

    /// Looks `name` up (specification, section 9.4), which was the one at `ahead` among those of
    /// [`look_ahead`](Self::look_ahead), if it was any.
    pub(crate) fn get(
        &mut self,
        name: &RecordName,
        ahead: Option<usize>,
    ) -> Result<Entry, IndexError> {
        match self.hooks_of(name) {
            Some(hooks) => Ok(Entry { entry: hooks.lock().get(name, None)?, is_hook: true }),
            None => Ok(Entry { entry: self.non_hook.get(name, ahead)?, is_hook: false }),
        }
    }

    /// Looks `name` up as [`get`](Self::get) does, tells what that comes by, and leaves all lists
    /// as they are.
    pub(crate) fn trace(&self, name: &RecordName) -> Result<EntryTrace, IndexError> {
        match self.hooks_of(name) {
            Some(hooks) => hooks.lock().trace(name),
            None => self.non_hook.trace(name),
        }
    }

    /// Does something with the part that an entry is in.
    fn with<T>(&mut self, entry: &Entry, with: impl FnOnce(&mut SubIndexZone) -> T) -> T {
        match &self.hook {
            Some(hooks) if entry.is_hook => with(&mut hooks.lock()),
            _ => with(&mut self.non_hook),
        }
    }

    /// Puts an entry for `name` where [`get`](Self::get) found that it goes. Where another entry
    /// has the same key, the new one carries its whole name.
    pub(crate) fn put(
        &mut self,
        entry: Entry,
        name: &RecordName,
        chapter: VirtualChapter,
    ) -> Result<Insertion, IndexError> {
        self.with(&entry, |part| part.put(entry.entry, name, chapter))
    }

    /// Makes an entry name another chapter.
    pub(crate) fn set_chapter(
        &mut self,
        entry: &Entry,
        chapter: VirtualChapter,
    ) -> Result<(), IndexError> {
        self.with(entry, |part| part.set_chapter(&entry.entry, chapter))
    }

    /// Removes an entry.
    pub(crate) fn remove(&mut self, entry: Entry) -> Result<(), IndexError> {
        self.with(&entry, |part| part.remove(entry.entry))
    }
}
