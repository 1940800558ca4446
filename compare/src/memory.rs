//! What of a process's memory is its own.

/// Memory of this process that no file backs: heap and stacks, in bytes. Pages of a mapped file,
/// which the system can take back when it needs them, are not among it. None where the system
/// does not say.
pub(crate) fn anonymous_bytes() -> Option<u64> {
    anonymous(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn anonymous(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = rest.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the row that tells LMDB's map from memory that it holds.
    #[test]
    fn only_anonymous_memory_counts() {
        let status = "VmRSS:\t  900 kB\nRssAnon:\t  100 kB\nRssFile:\t  800 kB\n";
        assert_eq!(anonymous(status), Some(102_400));
        assert_eq!(anonymous("VmRSS:\t  900 kB\n"), None);
        assert!(anonymous_bytes().is_some_and(|bytes| bytes > 10_000));
    }
}
