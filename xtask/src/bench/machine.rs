//! What a report says of where its figures come from.

use std::fs;
use std::path::Path;

use crate::shell::Cmd;

/// The machine, the compiler and the source of a measurement.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) compiler: String,
    /// The first digits of the commit's name.
    pub(crate) commit: String,
    /// Whether files differ from the commit.
    pub(crate) is_changed: bool,
}

impl Circumstances {
    /// Those of the working tree in `root`. What cannot be found out is `unknown`.
    pub(crate) fn of(root: &Path) -> Self {
        let unknown = || "unknown".to_owned();
        let read = |command: Cmd| {
            let output = if command.succeeds() { command.read().ok() } else { None };
            output.map(|text| text.trim().to_owned())
        };
        let git = |arguments: &[&str]| read(Cmd::new("git", root).args(arguments));
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        Self {
            processor: processor(&cpus).unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            compiler: read(Cmd::new("rustc", root).args(["-V"])).unwrap_or_else(unknown),
            commit: git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(unknown),
            is_changed: git(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty()),
        }
    }
}

/// The name of the first processor in `/proc/cpuinfo`.
fn processor(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a report that names no processor, or `model` instead of `model name`.
    #[test]
    fn the_processor_is_named() {
        let text = "processor\t: 0\nmodel\t\t: 143\nmodel name\t: A B: C\nmodel name\t: D\n";
        assert_eq!(processor(text).unwrap(), "A B: C");
        assert_eq!(processor("processor : 0\n"), None);
    }
}
