//! What the system says of the process that measures.

/// MiB of memory that the process has (`VmRSS:`), or has had at most (`VmHWM:`); 0 where the system
/// does not say.
#[must_use]
pub fn memory_mib(what: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}
