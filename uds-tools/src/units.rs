//! Numbers for people: bytes, counts, shares and times, and sizes as a command line gives them.
//!
//! # Invariants
//!
//! 1. A multiple of bytes is always a power of 1024, in and out, as the index's memory sizes are.
//! 2. A share is written as 0% or 100% only if it is exactly that.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use uds_geometry::{MAX_ZONES, MemorySize, Nonce, ZoneCount};

/// The largest block: the window of the largest index, in blocks of this size, is less than 16 EiB,
/// which is all that 64 bits count.
pub(crate) const MAX_BLOCK_BYTES: u64 = 4 << 20;

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Bytes in the largest unit that fits: `512 B`, `4 KiB`, `1.25 GiB`, `10.3 TiB`. No decimals say
/// that the number is exact.
pub(crate) fn bytes(count: u64) -> String {
    let mut unit = 0;
    let mut scaled = count as f64;
    // What would be printed as 1024 belongs to the next unit.
    while scaled >= 1023.95 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let name = UNITS[unit];
    if scaled.fract() == 0.0 {
        format!("{scaled:.0} {name}")
    } else if scaled < 9.995 {
        format!("{scaled:.2} {name}")
    } else {
        format!("{scaled:.1} {name}")
    }
}

/// A path in a text: as it is, or quoted and escaped where it could not be told or would drive the
/// terminal. Messages on standard error quote all paths alike.
pub(crate) fn path(path: &Path) -> String {
    let (plain, quoted) = (path.display().to_string(), format!("{path:?}"));
    if quoted == format!("\"{plain}\"") { plain } else { quoted }
}

/// A count with its digits in groups of three: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count and its noun, which takes an `s` unless the count is one: `1 file`, `2 files`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// `part` of `whole` as a percentage: `12.3%`. Nothing of nothing is `0.0%`.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0.0%".into();
    }
    let share = part as f64 / whole as f64;
    // A part that is just not all may be 1 as a floating point number.
    if part < whole { percent(share.min(1.0 - f64::EPSILON)) } else { percent(share) }
}

/// `part` of `whole` as a number; nothing of nothing is 0.
pub(crate) fn fraction(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A share as a percentage, with one decimal: `12.3%`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        "0.0%".into()
    } else if percent < 0.05 {
        "<0.1%".into()
    } else if share < 1.0 && percent >= 99.95 {
        ">99.9%".into()
    } else {
        format!("{percent:.1}%")
    }
}

/// A time span: `0.25 s`, `12.3 s`, `5 min 07 s`, `3 h 20 min`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A moment as UTC: `2026-11-21 01:38:07 UTC`.
pub(crate) fn utc(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil_date(seconds / 86400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// A text in lines of at most `width` columns, each ended; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let (mut lines, mut column) = (String::with_capacity(text.len() + 1), 0);
    for word in text.split_whitespace() {
        if column > 0 {
            let fits = column + 1 + word.len() <= width;
            lines.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        lines.push_str(word);
        column += word.len();
    }
    lines.push('\n');
    lines
}

/// An error and what it came from, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The Gregorian date of a day counted from 1970-01-01.
fn civil_date(days: u64) -> (u64, u64, u64) {
    // Years start in March here, so that a leap day is the last of its year, and eras of
    // 400 years (146097 days) start in the year 0.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day_of_month)
}

/// Reads an amount of data: `10T`, `1.5 TiB`, `4096`, `64k`.
pub(crate) fn parse_bytes(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
    let unit = text[digits.len()..].trim_start().to_ascii_uppercase();
    let letter = unit.trim_end_matches('B').trim_end_matches('I');
    let power = ["", "K", "M", "G", "T", "P", "E"].iter().position(|known| *known == letter);
    let wanted = "give a number and a unit, for example 500G, 10T or 1.5P (powers of 1024)";
    let Some(power) = power else { bail!("{text:?} is not an amount of data: {wanted}") };
    let amount: f64 = digits
        .parse()
        .ok()
        .filter(|amount: &f64| amount.is_finite() && *amount >= 0.0)
        .with_context(|| format!("{text:?} is not an amount of data: {wanted}"))?;
    let total = amount * 1024_f64.powi(power as i32);
    if total >= u64::MAX as f64 {
        bail!("{text:?} is 16 EiB or more, and only less than that can be counted");
    }
    Ok(total as u64)
}

/// Reads the size of a block: 512 bytes, a sector, to [`MAX_BLOCK_BYTES`].
pub(crate) fn parse_block_size(text: &str) -> Result<u64> {
    let size = parse_bytes(text)?;
    if !(512..=MAX_BLOCK_BYTES).contains(&size) {
        bail!("blocks of {} are not supported: give 512 bytes to 4M", bytes(size));
    }
    Ok(size)
}

/// Reads the memory of an index: a size with a unit, or a number of gigabytes, of which 0.25, 0.5
/// and 0.75 are the three sizes below one, as VDO has it.
pub(crate) fn parse_memory(text: &str) -> Result<MemorySize> {
    let with_unit = match text {
        "0.25" => "256M",
        "0.5" | "0.50" => "512M",
        "0.75" => "768M",
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => &format!("{text}G"),
        _ => text,
    };
    Ok(with_unit.parse()?)
}

/// Reads a nonce, decimal or hexadecimal with `0x`.
pub(crate) fn parse_nonce(text: &str) -> Result<Nonce> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let nonce = parsed.with_context(|| {
        format!("{text:?} is not a nonce: give a 64-bit number, decimal or hexadecimal with 0x")
    })?;
    Ok(Nonce::new(nonce))
}

/// Reads a part of a whole: more than 0, at most 1.
pub(crate) fn parse_fraction(text: &str) -> Result<f64> {
    let fraction = text.parse().ok().filter(|fraction| *fraction > 0.0 && *fraction <= 1.0);
    fraction.with_context(|| {
        format!("{text:?} is no fraction: give a number above 0 and up to 1, for example 0.25")
    })
}

/// Reads a number of zones.
pub(crate) fn parse_zones(text: &str) -> Result<ZoneCount> {
    let zones = text.parse().ok().and_then(ZoneCount::new);
    zones.with_context(|| format!("{text:?} is no number of zones: give 1 to {MAX_ZONES}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against "1024.0 GiB" and against digits that pretend to a precision.
    #[test]
    fn bytes_change_unit_before_they_reach_1024() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1280, "1.25 KiB"),
            ((1 << 30) - 1, "1.00 GiB"),
            (10 << 40, "10 TiB"),
            ((10 << 40) + 1, "10.0 TiB"),
            (1023 << 20, "1023 MiB"),
            ((1023 << 20) + 1, "1023.0 MiB"),
            (u64::MAX - 2048, "16.0 EiB"),
        ];
        for (number, text) in cases {
            assert_eq!(bytes(number), text, "{number}");
        }
    }

    // Guards the places of the commas.
    #[test]
    fn digits_are_grouped_from_the_right() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "file"), "1 file");
        assert_eq!(counted(2000, "file"), "2,000 files");
    }

    // Guards against a rounded share that says "nothing" or "all" when that is not so.
    #[test]
    fn shares_do_not_round_to_nothing_or_all() {
        assert_eq!(share(1, 1_000_000), "<0.1%");
        assert_eq!(share(999_999, 1_000_000), ">99.9%");
        assert_eq!(share(5, 5), "100.0%");
        assert_eq!(share(0, 0), "0.0%");
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(u64::MAX - 1, u64::MAX), ">99.9%");
        assert_eq!(
            (percent(0.0), percent(1e-9), percent(1.0)),
            ("0.0%".into(), "<0.1%".into(), "100.0%".into())
        );
    }

    // Guards against a share of nothing that is no number.
    #[test]
    fn fractions_of_nothing_are_nothing() {
        assert_eq!((fraction(0, 0), fraction(5, 0), fraction(1, 4)), (0.0, 0.0, 0.25));
    }

    // Guards leap years and the ends of months and of the unit ranges.
    #[test]
    fn moments_and_spans() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_735_689_599_999), "2024-12-31 23:59:59 UTC");
        assert_eq!(utc(4_107_542_400_000), "2100-03-01 00:00:00 UTC");
        assert_eq!(duration(Duration::from_millis(250)), "0.25 s");
        assert_eq!(duration(Duration::from_secs(307)), "5 min 07 s");
        assert_eq!(duration(Duration::from_secs(12_000)), "3 h 20 min");
    }

    // Guards the last column, and a word that fits in no line.
    #[test]
    fn long_texts_are_wrapped() {
        assert_eq!(wrapped("a bc def", 4), "a bc\ndef\n");
        assert_eq!(wrapped("a  sesquipedalian\nword", 5), "a\nsesquipedalian\nword\n");
        assert_eq!(wrapped("", 5), "\n");
    }

    // Guards against amounts that are read as something else than what was meant.
    #[test]
    fn amounts_of_data_are_read_or_refused() {
        let good =
            [("4096", 4096), ("10T", 10 << 40), ("10 TB", 10 << 40), ("1.5KiB", 1536), ("0", 0)];
        for (text, expected) in good {
            assert_eq!(parse_bytes(text).ok(), Some(expected), "{text}");
        }
        for text in ["", "T", "-1G", "10X", "1e30E", "nan", "inf", "10TT", "1 2G"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        let error = parse_bytes("16E").unwrap_err().to_string();
        assert!(error.starts_with("\"16E\" is 16 EiB or more"), "{error}");
    }

    // Guards the ends of the range.
    #[test]
    fn blocks_have_a_sensible_size() {
        for (text, expected) in [("512", 512), ("4K", 4096), ("4M", MAX_BLOCK_BYTES)] {
            assert_eq!(parse_block_size(text).ok(), Some(expected));
        }
        for text in ["0", "511", "4194305", "1P", "16383P"] {
            assert!(parse_block_size(text).is_err(), "{text}");
        }
    }

    // Guards both notations and the ends of the range.
    #[test]
    fn nonces_are_decimal_or_hexadecimal() {
        assert_eq!(parse_nonce("0xff").ok(), Some(Nonce::new(255)));
        assert_eq!(parse_nonce("18446744073709551615").ok(), Some(Nonce::new(u64::MAX)));
        for text in ["", "0x", "-1", "18446744073709551616", "ff"] {
            assert!(parse_nonce(text).is_err(), "{text}");
        }
    }

    // Guards the ends of both ranges: a fill of nothing, or of more than everything.
    #[test]
    fn fractions_and_zones_have_ends() {
        for (text, expected) in [("1", 1.0), ("0.25", 0.25), ("1e-3", 0.001)] {
            assert_eq!(parse_fraction(text).ok(), Some(expected));
        }
        for text in ["", "0", "-0.5", "1.01", "nan", "inf", "50%"] {
            assert!(parse_fraction(text).is_err(), "{text}");
        }
        assert_eq!(parse_zones("16").ok(), ZoneCount::new(16));
        for text in ["", "0", "17", "256", "-1", "x"] {
            assert!(parse_zones(text).is_err(), "{text}");
        }
    }
}
