//! What to reconcile. In: flags. Out: projects and groups, and how.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use crate::config::BackfillConfig;

use super::run::{Absent, Deletions, Mode, Plan};

/// How far back the first run reads: as far as the log of a hook, seven days to the beginning of that day. What was lost before is only found by
/// gaps.
const FIRST_RUN: TimeDelta = TimeDelta::days(8);

/// What to reconcile.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("reconcile_scope").required(true).multiple(true).args(["project", "group", "instance"]))]
pub struct ReconcileConfig {
    /// Project to check, by its id or path; can be repeated
    #[arg(long, value_name = "ID|PATH", value_delimiter = ',')]
    pub project: Vec<String>,

    /// Group to check with all projects in it and its subgroups, by its id or path; can be repeated
    #[arg(long, value_name = "ID|PATH", value_delimiter = ',')]
    pub group: Vec<String>,

    /// Checks all projects that the token may see
    #[arg(long)]
    pub instance: bool,

    /// Reports what is missing, and publishes none of it
    #[arg(long)]
    pub dry_run: bool,

    /// Repeats the run at this interval, as 30m or 1h; by default it runs once
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub every: Option<Duration>,

    /// Requests that one run makes at most for single things, missing or checked again; lists do not count
    #[arg(long, default_value_t = 2_000, value_name = "REQUESTS")]
    pub budget: u64,

    /// Also lists all things, 100 per request, and marks the rows of those that GitLab no longer has
    #[arg(long)]
    pub deletions: bool,

    /// Asks again for numbers that GitLab did not have or did not show before, for example because the token got more rights
    #[arg(long)]
    pub ask_again: bool,

    /// URL, up to the tenant's name, of hooks that lead to GitPulse; needed where a proxy changes the path /api/v1/webhooks/gitlab
    #[arg(long, value_name = "URL")]
    pub hook_url: Option<String>,
}

impl ReconcileConfig {
    /// Projects and groups to check.
    pub fn scope(&self) -> BackfillConfig {
        BackfillConfig {
            project: self.project.clone(),
            group: self.group.clone(),
            instance: self.instance,
            since: None,
            until: None,
            only: Vec::new(),
            exclude: Vec::new(),
        }
    }

    /// The plan of a run.
    pub fn plan(&self, now: DateTime<Utc>) -> Plan {
        Plan {
            mode: if self.dry_run { Mode::Look } else { Mode::Mend },
            deletions: if self.deletions { Deletions::Find } else { Deletions::Leave },
            absent: if self.ask_again { Absent::AskAgain } else { Absent::Believe },
            since: now - FIRST_RUN,
            budget: self.budget,
            hook_url: self.hook_url.clone(),
        }
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let unit = text.chars().last().map_or(0, |unit| match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => 0,
    });
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u64>().ok());
    let seconds = number.and_then(|number| number.checked_mul(unit)).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "expected a time as 90s, 30m, 1h or 1d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in ["", "1", "h", "0h", "-1h", "1y", "99999999999999999999d", "1ü"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
