//! Which versions are compared: LMDB says it, the others are read from the lock file that they
//! were built by.

use crate::store::Store;

const LOCK: &str = include_str!("../Cargo.lock");

/// The version of a store.
pub(crate) fn of(store: Store) -> String {
    let package = match store {
        Store::Lmdb => {
            let heed::LmdbVersion { major, minor, patch, .. } = heed::lmdb_version();
            return format!("{major}.{minor}.{patch}");
        }
        Store::Uds => "uds-index",
        Store::Redb => "redb",
        Store::RocksDb => "librocksdb-sys",
        Store::Fjall => "fjall",
    };
    // The crate of RocksDB has RocksDB's own version behind a plus sign.
    let version = of_package(package).unwrap_or("?");
    version.rsplit_once('+').map_or(version, |(_, own)| own).to_owned()
}

fn of_package(package: &str) -> Option<&'static str> {
    let head = format!("name = \"{package}\"\nversion = \"");
    let version = &LOCK[LOCK.find(&head)? + head.len()..];
    version.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the head of the table: a question mark would compare nobody knows what.
    #[test]
    fn every_store_has_a_version() {
        for store in Store::ALL {
            let version = of(store);
            assert!(version.split('.').count() >= 3, "{store}: {version}");
        }
        assert_eq!(of_package("no such package"), None);
    }
}
