//! Random programs on a volume index, against a model that remembers whole chapter numbers.

use std::collections::BTreeMap;

use super::*;

/// The entries of a key: the ordinary one, then the collisions, newest first.
type Chain = Vec<(u64, Option<RecordName>)>;

/// A volume index, and what should be in it.
struct Bench {
    zones: Zones,
    lists: BTreeMap<u32, BTreeMap<u32, Chain>>,
    newest: u64,
    state: u64,
}

/// What is done with a name.
#[derive(Clone, Copy, Debug)]
enum Action {
    Look,
    Post,
    Remove,
}

impl Bench {
    fn random(&mut self, below: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    /// A name of few lists: some keys are the same, or close, and much of the range is empty.
    fn any_name(&mut self) -> RecordName {
        const LISTS: [u32; 6] = [0, 1, 97, 128, 200, 255];
        let list = LISTS[self.random(6) as usize];
        let key = match self.random(4) {
            0 => self.random(40) << 15,
            1 => self.random(64) << 8,
            2 => (1 << 19) - 20 + self.random(40),
            _ => self.random(1 << 20),
        };
        let number = self.random(3);
        name_at(list, key as u32, number)
    }

    fn place(&self, name: &RecordName) -> (u32, u32) {
        let (list, key) = self.zones.parameters.non_hook.locate(name);
        (list.get(), key.get())
    }

    /// The model's `get`: what has expired goes from the list, and the name's entry is told.
    fn expected(&mut self, name: &RecordName) -> Option<(u64, bool)> {
        let low = self.zones.zone_of(name).non_hook.low;
        let (list, key) = self.place(name);
        let chains = self.lists.entry(list).or_default();
        chains.retain(|_, chain| {
            chain.retain(|entry| entry.0 >= low);
            chain.first_mut().map(|head| head.1 = None).is_some()
        });
        let chain = chains.get(&key)?;
        let exact = chain.iter().find(|entry| entry.1.as_ref() == Some(name));
        Some(exact.map_or((chain[0].0, false), |entry| (entry.0, true)))
    }

    fn act(&mut self, name: &RecordName, action: Action, ahead: Option<usize>) {
        let expected = self.expected(name);
        let newest = self.newest;
        let zone = self.zones.zone_of(name);
        let entry = zone.get(name, ahead).unwrap();
        let found = entry.chapter().map(|chapter| (chapter.get(), entry.is_collision()));
        assert_eq!(found, expected, "{name:?} at {newest}");
        let is_collision = entry.is_collision();
        let mut put = None;
        match action {
            Action::Look => return,
            Action::Remove if expected.is_some() => zone.remove(entry).unwrap(),
            Action::Remove => return,
            Action::Post if is_collision => zone.set_chapter(&entry, chapter(newest)).unwrap(),
            Action::Post => {
                assert_eq!(zone.put(entry, name, chapter(newest)).unwrap(), Insertion::Inserted);
                put = Some(expected.map(|_| *name));
            }
        }
        let (list, key) = self.place(name);
        let chains = self.lists.entry(list).or_default();
        let chain = chains.entry(key).or_default();
        let at = chain.iter().position(|entry| is_collision && entry.1.as_ref() == Some(name));
        match (action, put) {
            (_, Some(full)) => chain.insert(chain.len().min(1), (newest, full)),
            (Action::Post, None) => chain[at.unwrap()].0 = newest,
            _ => drop(chain.remove(at.unwrap_or(0))),
        }
        match chain.first_mut() {
            Some(head) => head.1 = None,
            None => drop(chains.remove(&key)),
        }
    }

    /// Requests that are begun together, or not.
    fn batch(&mut self) {
        let count = 1 + self.random(64);
        let names: Vec<RecordName> = (0..count).map(|_| self.any_name()).collect();
        let mut of_zones = vec![Vec::new(); self.zones.zones.len()];
        let zone_of =
            |name| usize::from(self.zones.parameters.zone_of(name, self.zones.count).get());
        names.iter().for_each(|name| of_zones[zone_of(name)].push(*name));
        let is_ahead = self.random(3) > 0;
        if is_ahead {
            for (zone, names) in self.zones.zones.iter_mut().zip(&of_zones) {
                zone.look_ahead(names.iter());
            }
            for name in &names {
                let _ = self.expected(name);
            }
        }
        let steps = self.random(50);
        for names in of_zones {
            for (position, name) in names.iter().enumerate() {
                let action = [Action::Look, Action::Post, Action::Post, Action::Remove];
                let action = action[self.random(4) as usize];
                self.act(name, action, is_ahead.then_some(position));
                if position as u64 == steps {
                    self.advance(1);
                }
            }
        }
    }

    fn advance(&mut self, by: u64) {
        self.newest += by;
        self.zones.open(self.newest);
        // Chapters expire early now and then, for want of memory.
        if self.random(8) == 0 {
            for at in 0..self.zones.zones.len() {
                let early = self.random(40);
                let part = &mut self.zones.zones[at].non_hook;
                part.low = part.high.min(part.low + early);
            }
        }
    }

    fn save_and_load(&mut self) {
        let count = 1 + self.random(3) as u8;
        let streams = self.zones.save();
        let parameters = Arc::clone(&self.zones.parameters);
        self.zones = restore(&streams, self.newest, &parameters, count).unwrap();
    }

    fn check(&self) {
        let mut records = 0;
        for zone in &self.zones.zones {
            records += zone.non_hook.lists().check_invariants().unwrap().records;
        }
        let expected: usize =
            self.lists.values().flat_map(|list| list.values()).map(Vec::len).sum();
        assert_eq!(records, expected as u64, "at {}", self.newest);
    }
}

// Guards every entry through many rounds of the values that stand for chapters: none is lost, none
// comes back, none gets another chapter; whether look-ups are begun together or not, when the
// window moves between, when chapters expire early and come back, and through saves and loads.
#[test]
fn programs_agree_with_the_model() {
    for (seed, chapters) in (0..40).zip([8, 32, 33, 100, 128].into_iter().cycle()) {
        let parameters = parameters(2, chapters);
        let zones = Zones::new(&parameters, 1);
        let mut bench = Bench { zones, lists: BTreeMap::new(), newest: 0, state: seed };
        for _ in 0..400 {
            match bench.random(20) {
                0 => bench.save_and_load(),
                1 => {
                    let jump = bench.random(3 * u64::from(chapters));
                    bench.advance(jump);
                }
                2..=8 => {
                    let step = 1 + bench.random(3);
                    bench.advance(step);
                }
                _ => bench.batch(),
            }
            bench.check();
        }
    }
}
