//! Days and moments as ISO 8601, in UTC.

use stripeflare_core::clock::Millis;

pub(crate) const DAY_MS: Millis = 24 * 60 * 60 * 1_000;

/// Year, month and day of a day since 1970.
fn civil(day: i64) -> (i64, i64, i64) {
    // Eras of 400 years, beginning in March, so that the leap day is the last of its year.
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `2026-11-25`
pub(crate) fn day_text(day: i64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-25T08:15:00.000Z`
pub(crate) fn moment_text(at: Millis) -> String {
    let (seconds, ms) = (at.rem_euclid(DAY_MS) / 1_000, at.rem_euclid(1_000));
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z", day_text(at.div_euclid(DAY_MS)))
}

/// Reads `2026-11-25`, its beginning in UTC, and RFC 3339: `2026-11-25T08:15:00Z`, with any offset, with or without decimals.
pub(crate) fn moment(text: &str) -> Option<Millis> {
    let (day, time) = text.split_once(['T', 't']).unwrap_or((text, "00:00:00Z"));
    let (time, offset) = time.split_at(time.find(['Z', 'z', '+', '-'])?);
    let number = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i64>().ok())?
    };
    let mut parts = day.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) {
        return None;
    }
    let shifted = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // The thirtieth of February is no day.
    if civil(days) != (year, month, day) {
        return None;
    }
    let (time, decimals) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':');
    let (hours, minutes, seconds) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let decimals = number(decimals, decimals.len().clamp(1, 9))? * 1_000 / 10_i64.pow(decimals.len() as u32);
    // A leap second is the next one's beginning.
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let ahead = match offset.split_at(1) {
        ("Z" | "z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
            if sign.eq_ignore_ascii_case("z") || hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if sign == "-" { -1 } else { 1 }
        }
    };
    Some(days * DAY_MS + ((hours * 60 + minutes - ahead) * 60 + seconds) * 1_000 + decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_reads_as_it_is_written() {
        for day in -800_000..2_000_000 {
            let (year, month, of_month) = civil(day);
            if (0..=9_999).contains(&year) {
                assert_eq!(moment(&day_text(day)), Some(day * DAY_MS), "{year}-{month}-{of_month}");
            }
        }
        assert_eq!((day_text(0), day_text(20_782)), ("1970-01-01".into(), "2026-11-25".into()));
        let at = 20_782 * DAY_MS + 8 * 3_600_000 + 15 * 60_000 + 7_089;
        assert_eq!(moment_text(at), "2026-11-25T08:15:07.089Z");
        assert_eq!(moment(&moment_text(at)), Some(at));
        for text in [
            "2026-11-25T08:15:07Z",
            "2026-11-25t08:15:07z",
            "2026-11-25T09:15:07+01:00",
            "2026-11-24T23:45:07-08:30",
            "2026-11-26T08:14:07.000+23:59",
            "2026-11-25T08:15:07-00:00",
        ] {
            assert_eq!(moment(text), Some(at - 89), "{text}");
        }
        assert_eq!(moment("2026-06-30T23:59:60Z"), moment("2026-07-01"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-30",
            "2025-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-1-1",
            "26-11-25",
            "2026-11-25-01",
            "2026-11-25T08:15Z",
            "2026-11-25T08:15:00",
            "2026-11-25T08:15:00+1:00",
            "2026-11-25T08:15:00+0100",
            "2026-11-25T08:15:00+24:00",
            "2026-11-25T08:15:00+01:60",
            "2026-11-25T08:15:00+01:00Z",
            "2026-11-25T08:15:00Z+01:00",
            "2026-11-25T08:15:00Z01:00",
            "2026-11-25T08:15:61Z",
            "2026-11-25T\u{e9}",
            "2026-11-25T24:00:00Z",
            "2026-11-25T08:60:00Z",
            "2026-11-25T08:15:00.Z",
            "2026-11-25T08:15:00.0000000000Z",
            "2026-11-25T08:15:-1Z",
            "+026-11-25",
            "tomorrow",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
