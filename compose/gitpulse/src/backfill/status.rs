//! `gitpulse backfill status`. In: the progress that runs have saved in ClickHouse. Out: a table, or JSON, and an exit code that says whether
//! everything is read. Makes no request to GitLab, so it needs no token.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use backfill::report::{self, ListReport};
use chrono::{DateTime, Utc};
use clap::Args;
use comfy_table::{Table, presets};
use gitlab::InstanceConfig;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use schemas::instance::normal_instance;
use serde::Serialize;

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Shows only lists that are not complete
    #[arg(long)]
    open: bool,

    /// Prints JSON
    #[arg(long)]
    json: bool,

    /// Without GITLAB_URL, all instances that were read.
    #[command(flatten)]
    instance: InstanceConfig,

    #[command(flatten)]
    clickhouse: ClickHouseConfig,
}

/// The report, for programs.
#[derive(Debug, Serialize)]
struct Report<'r> {
    complete: bool,
    owners: usize,
    outcomes: BTreeMap<&'r str, usize>,
    left: u64,
    lists: Vec<&'r ListReport>,
}

/// Shows the progress of each list that was ever read. Exits with 1 unless there are lists and all are complete.
pub(crate) async fn run(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let instance = match args.instance.url() {
        None => None,
        Some(url) => Some(normal_instance(url).context("GITLAB_URL is no URL")?),
    };
    let client = ClickHouse::new(&args.clickhouse).client;
    let lists = report::read(&client, instance.as_deref()).await;
    let lists = lists
        .context("is the database migrated? `gitpulse backfill` and `gitpulse migrate` make the tables")?;
    let report = summary(&lists, args.open);
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        if !report.lists.is_empty() {
            writeln!(out, "{}", table(&report.lists))?;
        }
        writeln!(out, "{}", line(&report))?;
    }
    Ok(if report.complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The progress of an instance, in one line.
pub(crate) async fn line_of(
    client: &clickhouse::Client,
    instance: &str,
) -> Result<String, clickhouse::error::Error> {
    let lists = report::read(client, Some(instance)).await?;
    Ok(line(&summary(&lists, false)))
}

fn summary(lists: &[ListReport], only_open: bool) -> Report<'_> {
    let mut outcomes = BTreeMap::new();
    for list in lists {
        *outcomes.entry(list.outcome.as_str()).or_default() += 1;
    }
    let owners: BTreeSet<(&str, u64, bool)> =
        lists.iter().map(|list| (list.instance.as_str(), list.id, list.list.starts_with("group_"))).collect();
    Report {
        complete: !lists.is_empty() && lists.iter().all(ListReport::is_complete),
        owners: owners.len(),
        outcomes,
        left: lists.iter().map(|list| list.left).sum(),
        lists: lists.iter().filter(|list| !only_open || !list.is_complete()).collect(),
    }
}

fn line(report: &Report<'_>) -> String {
    if report.owners == 0 {
        return "nothing was read yet".to_owned();
    }
    let count = |outcome: &str| report.outcomes.get(outcome).copied().unwrap_or(0);
    let mut line = format!(
        "{} projects and groups: {} lists complete, {} being read or interrupted, {} skipped, {} failed",
        report.owners,
        count("complete"),
        count("reading"),
        count("skipped"),
        count("failed"),
    );
    if report.left > 0 {
        line.push_str(&format!("; {} things are left to be asked about one by one", report.left));
    }
    line
}

fn table(lists: &[&ListReport]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["", "list", "outcome", "objects", "requests", "from", "until", "left", "message"]);
    for list in lists {
        table.add_row([
            list.path.clone().unwrap_or_else(|| list.id.to_string()),
            list.list.clone(),
            list.outcome.clone(),
            list.objects.to_string(),
            list.requests.to_string(),
            list.from.map_or_else(String::new, day),
            list.until.map_or_else(String::new, moment),
            if list.left > 0 { list.left.to_string() } else { String::new() },
            list.message.clone(),
        ]);
    }
    table.to_string()
}

fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(id: u64, name: &str, outcome: &str, left: u64) -> ListReport {
        ListReport {
            instance: "https://gitlab.example.com".to_owned(),
            id,
            path: None,
            list: name.to_owned(),
            outcome: outcome.to_owned(),
            objects: 1,
            requests: 1,
            from: None,
            until: None,
            left,
            message: String::new(),
            saved_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn all_is_complete_when_nothing_is_left() {
        let complete = |lists: &[ListReport]| summary(lists, false).complete;
        assert!(!complete(&[]), "nothing was read");
        assert!(complete(&[list(1, "issues", "complete", 0), list(1, "jobs", "skipped", 0)]));
        assert!(!complete(&[list(1, "issues", "complete", 0), list(1, "jobs", "reading", 0)]));
        assert!(!complete(&[list(1, "issues", "failed", 0)]));
        assert!(!complete(&[list(1, "issue_notes", "complete", 3)]));
    }

    #[test]
    fn one_line_tells_how_far_it_is() {
        let lists = [
            list(1, "issues", "complete", 0),
            list(1, "issue_notes", "reading", 7),
            list(1, "group_members", "skipped", 0),
        ];
        assert_eq!(
            line(&summary(&lists, false)),
            "2 projects and groups: 1 lists complete, 1 being read or interrupted, 1 skipped, 0 failed; 7 things are left to be \
             asked about one by one"
        );
        assert_eq!(summary(&lists, true).lists.len(), 1);
        assert_eq!(line(&summary(&[], false)), "nothing was read yet");
    }
}
