//! What the terminal behind standard output can show.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};

/// Columns of what is printed where nobody says how many there are, and the fewest.
const MIN_COLUMNS: usize = 60;
/// The most: longer bars say nothing more.
const MAX_COLUMNS: usize = 120;

/// How bars are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    /// Columns of a line.
    pub(crate) columns: usize,
    /// Whether characters other than ASCII can be shown.
    pub(crate) is_unicode: bool,
}

impl Canvas {
    /// That of standard output.
    pub(crate) fn of_stdout() -> Self {
        let out = stdout();
        let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten();
        let columns = size.map_or(0, |size| usize::from(size.ws_col));
        let variable = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
        let locale = locale.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        Self {
            columns: columns.clamp(MIN_COLUMNS, MAX_COLUMNS),
            is_unicode: locale.ends_with("utf-8") || locale.ends_with("utf8"),
        }
    }

    /// The same in ASCII where standard output is no terminal: what goes to a file or a program
    /// should read the same whoever asks.
    pub(crate) fn of_report() -> Self {
        let canvas = Self::of_stdout();
        Self { is_unicode: canvas.is_unicode && stdout().is_terminal(), ..canvas }
    }

    /// A bar of `part` of `whole` of so many columns: to an eighth of a column where that can be
    /// shown. What is not nothing shows.
    pub(crate) fn bar(self, part: u64, whole: u64, columns: usize) -> String {
        if part == 0 || whole == 0 {
            return String::new();
        }
        let steps = if self.is_unicode { 8 } else { 1 };
        let all = (columns * steps) as u128;
        let length = (u128::from(part) * all).div_ceil(u128::from(whole)).min(all) as usize;
        if !self.is_unicode {
            return "#".repeat(length);
        }
        // U+2588 is the full block; those of seven eighths to one follow.
        let mut bar = "\u{2588}".repeat(length / 8);
        if length % 8 > 0 {
            bar.extend(char::from_u32(0x2590 - (length % 8) as u32));
        }
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the ends of a bar, and its parts of a column.
    #[test]
    fn bars_have_the_length_of_their_share() {
        let plain = Canvas { columns: 60, is_unicode: false };
        for (part, expected) in [(0, ""), (1, "#"), (25, "#"), (26, "##"), (100, "####")] {
            assert_eq!(plain.bar(part, 100, 4), expected, "{part}");
        }
        let fine = Canvas { columns: 60, is_unicode: true };
        let full = '\u{2588}';
        for (part, expected) in [
            (0, String::new()),
            (1, "\u{258f}".into()),
            (7, "\u{2589}".into()),
            (8, full.into()),
            (9, format!("{full}\u{258f}")),
            (32, full.to_string().repeat(4)),
        ] {
            assert_eq!(fine.bar(part, 32, 4), expected, "{part}");
        }
        assert_eq!(fine.bar(1, 0, 4), "");
        assert_eq!(fine.bar(u64::MAX, 1, 4), full.to_string().repeat(4));
    }
}
