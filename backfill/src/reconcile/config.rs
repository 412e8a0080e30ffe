//! What is to be reconciled. In: flags. Out: projects and groups, and how.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use crate::config::BackfillConfig;

use super::run::{Absent, Deletions, Mode, Plan};

/// As far back as the log of a hook goes: seven days, to the beginning of that day. What was lost before is found by gaps alone.
const FIRST_RUN: TimeDelta = TimeDelta::days(8);

/// What to reconcile.
#[derive(Debug, Clone, Args)]
#[command(group = clap::ArgGroup::new("reconcile_scope").required(true).multiple(true).args(["project", "group", "instance"]))]
pub struct ReconcileConfig {
    /// Project to look at, by its id or its path; can be repeated
    #[arg(long, value_name = "ID|PATH", value_delimiter = ',')]
    pub project: Vec<String>,

    /// Group whose projects to look at, with those of its subgroups, by its id or its path; can be repeated
    #[arg(long, value_name = "ID|PATH", value_delimiter = ',')]
    pub group: Vec<String>,

    /// Looks at all projects that the token may see
    #[arg(long)]
    pub instance: bool,

    /// Says what is missing, and changes nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Looks again and again, so often, as 30m or 1h; without it, once
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub every: Option<Duration>,

    /// Requests that one run makes for what is missing or is looked at again, at most
    #[arg(long, default_value_t = 2_000, value_name = "REQUESTS")]
    pub budget: u64,

    /// Lists everything, and marks rows of things that GitLab no longer has: a request for each 100 of them
    #[arg(long)]
    pub deletions: bool,

    /// Asks once more for numbers that GitLab did not have or did not show, after the token got more rights, say
    #[arg(long)]
    pub ask_again: bool,

    /// Beginning of the URL of hooks that lead to GitPulse, where a proxy hides the path /api/v1/webhooks/gitlab
    #[arg(long, value_name = "URL")]
    pub hook_url: Option<String>,
}

impl ReconcileConfig {
    /// Projects and groups to look at.
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

    /// How a run is made.
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
