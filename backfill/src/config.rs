//! What to read. In: flags. Out: projects, lists, a span of time.

use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;

use crate::list::List;

/// What history to read.
#[derive(Debug, Clone, Args)]
pub struct BackfillConfig {
    /// Project to read, by its id or path; can be repeated
    #[arg(long, value_name = "ID|PATH", value_delimiter = ',')]
    pub project: Vec<String>,

    /// Group to read with all projects in it and its subgroups, by its id or path; can be repeated
    #[arg(long, value_name = "ID|PATH", value_delimiter = ',')]
    pub group: Vec<String>,

    /// Reads all projects that the token may see
    #[arg(long)]
    pub instance: bool,

    /// Reads what was updated since this time, as 2026-01-31 (midnight UTC) or 2026-01-31T08:00:00Z; some lists are always read whole
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<DateTime<Utc>>,

    /// Reads what was updated before this time, in the same format; by default until now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<DateTime<Utc>>,

    /// Lists to read, as merge_requests,pipelines (docs/BACKFILL.md names all); by default all
    #[arg(long, value_name = "LISTS", value_delimiter = ',', value_parser = list)]
    pub only: Vec<List>,

    /// Lists to leave out
    #[arg(long, value_name = "LISTS", value_delimiter = ',', value_parser = list)]
    pub exclude: Vec<List>,
}

impl BackfillConfig {
    /// The lists to read.
    pub fn lists(&self) -> Vec<List> {
        let wanted = |list: &List| self.only.is_empty() || self.only.contains(list);
        List::ALL.into_iter().filter(wanted).filter(|list| !self.exclude.contains(list)).collect()
    }

    /// Whether a project or a group is named, or all of them.
    pub fn names_something(&self) -> bool {
        self.instance || !self.project.is_empty() || !self.group.is_empty()
    }

    /// The beginning of the span.
    pub fn begins_at(&self) -> DateTime<Utc> {
        self.since.unwrap_or_else(BackfillConfig::beginning)
    }

    /// A time before everything: GitLab's first release was in October 2011, but imported objects may be older.
    pub fn beginning() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::days(365 * 30)
    }
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    day.map(|day| day.and_utc())
        .ok_or_else(|| "expected a day as 2026-01-31 or a moment as 2026-01-31T08:00:00Z".to_owned())
}

fn list(name: &str) -> Result<List, String> {
    List::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = List::ALL.into_iter().map(List::as_str).collect();
        format!("expected one of {}", names.join(", "))
    })
}
