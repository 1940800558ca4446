//! The stores that are compared.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A store, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Store {
    /// This index, a dense one of 256M.
    Uds,
    /// redb.
    Redb,
    /// LMDB, through heed.
    Lmdb,
    /// RocksDB.
    RocksDb,
    /// fjall.
    Fjall,
}

impl Store {
    /// All, in the order of the columns.
    pub const ALL: [Self; 5] = [Self::Uds, Self::Redb, Self::Lmdb, Self::RocksDb, Self::Fjall];

    /// The name, as on the command line.
    #[must_use]
    pub const fn argument(self) -> &'static str {
        match self {
            Self::Uds => "uds",
            Self::Redb => "redb",
            Self::Lmdb => "lmdb",
            Self::RocksDb => "rocksdb",
            Self::Fjall => "fjall",
        }
    }

    /// Whether it was built in: RocksDB can be left out.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        !matches!(self, Self::RocksDb) || cfg!(feature = "rocksdb")
    }
}

impl fmt::Display for Store {
    /// The name as its authors write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lmdb => "LMDB",
            Self::RocksDb => "RocksDB",
            other => other.argument(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the children of a run, which are told their store by its argument.
    #[test]
    fn arguments_are_those_of_the_command_line() {
        for store in Store::ALL {
            assert_eq!(Store::from_str(store.argument(), false), Ok(store));
            assert_eq!(serde_json::to_value(store).unwrap(), store.argument());
        }
        assert_eq!(Store::value_variants(), Store::ALL);
    }
}
