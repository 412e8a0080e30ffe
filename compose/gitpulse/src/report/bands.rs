//! DORA's performance levels. In: a number. Out: the level whose published figures it meets. Never gives a level for what DORA does not ask about.

use std::fmt;

/// The source of the figures.
pub(super) const SOURCE: &str = "DORA, Accelerate State of DevOps Report 2024 (dora.dev/research/2024)";
/// What people should know about them.
pub(super) const CAVEAT: &str = "they are what clusters of answers to a survey have in common, and no limits: of change failure rates the high cluster's (20 %) is worse than the medium one's (10 %)";

const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;

/// A performance level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Band {
    Elite,
    High,
    Medium,
    Low,
}

impl Band {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Band::Elite => "elite",
            Band::High => "high",
            Band::Medium => "medium",
            Band::Low => "low",
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The level for a measure that DORA also asks about.
///
/// Frequency: on demand, several times a day; once a day to once a week; once a week to once a month; less. Lead time: less than a day, a week, a
/// month; more. Recovery: less than an hour; less than a day, which is the figure of high and medium both; more. Change failure rate: 5 %, 10 %
/// (medium), 20 % (high), more.
pub(super) fn band(measure: &str, value: f64) -> Option<Band> {
    let below = |limits: [(f64, Band); 3]| {
        limits.into_iter().find(|(limit, _)| value < *limit).map_or(Band::Low, |(_, band)| band)
    };
    match measure {
        "changes_per_day" => Some(match value {
            _ if value > 1.0 => Band::Elite,
            _ if value >= 1.0 / 7.0 => Band::High,
            _ if value >= 1.0 / 30.0 => Band::Medium,
            _ => Band::Low,
        }),
        "lead_time_from_first_commit_p50_seconds" => {
            Some(below([(DAY, Band::Elite), (7.0 * DAY, Band::High), (30.0 * DAY, Band::Medium)]))
        }
        "change_failure_by_incident_ratio" => Some(match value {
            _ if value <= 0.05 => Band::Elite,
            _ if value <= 0.10 => Band::Medium,
            _ if value <= 0.20 => Band::High,
            _ => Band::Low,
        }),
        "restore_by_incident_p50_seconds" => {
            Some(below([(HOUR, Band::Elite), (DAY, Band::High), (DAY, Band::Medium)]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(measure: &str, value: f64, expected: &str) {
        assert_eq!(band(measure, value).map(Band::as_str), Some(expected), "{measure} {value}");
    }

    #[test]
    fn bands_are_those_of_the_report_of_2024() {
        for (per_day, expected) in
            [(3.0, "elite"), (1.0, "high"), (0.2, "high"), (0.1, "medium"), (0.01, "low")]
        {
            check("changes_per_day", per_day, expected);
        }
        for (days, expected) in [(0.9, "elite"), (1.0, "high"), (6.9, "high"), (8.0, "medium"), (31.0, "low")]
        {
            check("lead_time_from_first_commit_p50_seconds", days * DAY, expected);
        }
        for (ratio, expected) in [(0.0, "elite"), (0.08, "medium"), (0.2, "high"), (0.4, "low")] {
            check("change_failure_by_incident_ratio", ratio, expected);
        }
        for (hours, expected) in [(0.5, "elite"), (5.0, "high"), (24.0, "low")] {
            check("restore_by_incident_p50_seconds", hours * HOUR, expected);
        }
        assert_eq!(band("lead_time_from_merge_p90_seconds", 1.0), None);
    }
}
