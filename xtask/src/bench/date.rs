//! The date of a moment in UTC, as it stands in the names of reports.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, as `2026-11-21T12-34-56Z`: in file names there is no colon.
pub(crate) fn now() -> String {
    // A clock before 1970 is wrong anyway.
    text(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn text(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (mut days, rest) = (seconds / 86400, seconds % 86400);
    let mut year = 1970;
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let february = days_of(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}-{minute:02}-{second:02}Z", days + 1)
}

fn days_of(year: u64) -> u64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if is_leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the names of reports: in wrong order they are useless. From `date -u -d @N`.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, wanted) in [
            (0, "1970-01-01T00-00-00Z"),
            (951_782_400, "2000-02-29T00-00-00Z"),
            (1_735_689_599, "2024-12-31T23-59-59Z"),
            (1_795_264_496, "2026-11-21T12-34-56Z"),
            (4_107_542_400, "2100-03-01T00-00-00Z"),
        ] {
            assert_eq!(text(Duration::from_secs(seconds)), wanted);
        }
    }
}
