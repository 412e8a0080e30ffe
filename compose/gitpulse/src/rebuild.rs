//! `gitpulse rebuild`. In: names of tables. Out: the same tables, rebuilt from `events` by this build's decoder, and what that changed.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use comfy_table::{Table, presets};
use processor::Metrics;
use processor::rebuild::{Difference, Rebuild};
use processor::rows::TABLES;
use prometheus::Registry;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};

use crate::progress::Progress;

/// Timeout of one INSERT.
const INSERT_TIMEOUT: Duration = Duration::from_secs(120);
/// Columns that are listed by name in the summary; others are counted.
const COLUMNS_SHOWN: usize = 6;

/// What to rebuild.
#[derive(Debug, Args)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    clickhouse: ClickHouseConfig,
    /// Tables to rebuild, by the names of their views; by default all
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = names())]
    tables: Vec<String>,
    /// Shows what would change, and swaps nothing
    #[arg(long)]
    dry_run: bool,
    /// Continues even if `events` no longer holds all that the tables were made of: rows older than the first event are lost
    #[arg(long)]
    lose_older: bool,
    /// First drops rebuilds that have not swapped yet, such as a killed one; make sure that none is running
    #[arg(long)]
    abandon: bool,
}

fn names() -> Vec<&'static str> {
    let names = TABLES.iter().flat_map(|table| table.views);
    Vec::from_iter(names.copied().collect::<BTreeSet<_>>())
}

/// Rebuilds tables beside the live ones, shows the difference, and swaps them.
pub(crate) async fn run(args: RebuildArgs) -> anyhow::Result<()> {
    let ClickHouse { client, target } = ClickHouse::new(&args.clickhouse);
    let metrics = Metrics::register(&Registry::new())?;
    let on_cluster = target.on_cluster();
    let mut out = std::io::stdout().lock();
    if !on_cluster.is_empty() {
        writeln!(
            out,
            "On a cluster, stop all processors before a rebuild and start them after it: what they store meanwhile may be lost."
        )?;
    }
    if args.abandon {
        let abandoned = Rebuild::abandon(&client, &on_cluster).await?;
        writeln!(out, "{abandoned} abandoned.")?;
    }
    while let Some(interrupted) =
        Rebuild::interrupted(client.clone(), on_cluster.clone(), INSERT_TIMEOUT, metrics.clone())
            .await
            .context("is the database migrated? `gitpulse migrate` makes the tables")?
    {
        anyhow::ensure!(
            !args.dry_run,
            "a rebuild was interrupted while it swapped tables: `gitpulse rebuild` without --dry-run finishes it"
        );
        writeln!(out, "A rebuild was interrupted while it swapped tables; it is finished first.")?;
        let progress = Progress::new("adding what was stored meanwhile", interrupted.events().await?);
        interrupted.finish(|read| progress.set(read)).await?;
    }
    let tables = TABLES
        .iter()
        .filter(|table| {
            let is_chosen = |view| args.tables.is_empty() || args.tables.iter().any(|chosen| chosen == view);
            table.views.iter().any(is_chosen)
        })
        .map(|table| table.name)
        .collect();
    let rebuild = Rebuild::begin(client, tables, on_cluster, INSERT_TIMEOUT, metrics).await?;
    let events = rebuild.events().await?;
    let progress = Progress::new("reading events", events);
    let reading = rebuild.fill(|read| progress.set(read)).await?;
    drop(progress);
    for (reason, events) in &reading.undecodable {
        writeln!(
            out,
            "{events} event(s) cannot be decoded by this build ({reason}) and have no rows of their own."
        )?;
    }
    match rebuild.differences().await {
        Ok(differences) => writeln!(out, "{}", summary(&differences))?,
        Err(error) => {
            writeln!(out, "The difference could not be computed: {}", runtime::fault::chain(&error))?
        }
    }
    let older = rebuild.older_than_events().await?.join(", ");
    if args.dry_run {
        rebuild.discard().await?;
        if !older.is_empty() {
            writeln!(
                out,
                "`events` no longer holds everything that {older} were made of: rows older than the first event would be lost."
            )?;
        }
        writeln!(
            out,
            "Nothing was changed: this was a dry run. Events that arrived meanwhile show as removed or changed."
        )?;
        return Ok(());
    }
    if !older.is_empty() && !args.lose_older {
        rebuild.discard().await?;
        anyhow::bail!(
            "nothing was changed: `events` no longer holds everything that {older} were made of, and rows older than the first event would be lost; \
             --lose-older continues all the same"
        );
    }
    rebuild.swap().await?;
    let progress = Progress::new("adding what was stored meanwhile", events);
    rebuild.finish(|read| progress.set(read)).await?;
    drop(progress);
    writeln!(
        out,
        "The new tables are in place. Events that arrived meanwhile show as removed or changed above, and are in them."
    )?;
    Ok(())
}

/// The differences as a table.
fn summary(differences: &[Difference]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["table", "rows before", "after", "removed", "added", "changed", "columns that change"]);
    for difference in differences {
        let mut columns = difference.columns.clone();
        columns.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        let shown = columns.iter().take(COLUMNS_SHOWN).map(|(column, rows)| format!("{column} ({rows})"));
        let mut text = Vec::from_iter(shown).join(", ");
        if let Some(others @ 1..) = columns.len().checked_sub(COLUMNS_SHOWN) {
            text.push_str(&format!(" and {others} more"));
        }
        let counts =
            [difference.before, difference.after, difference.removed, difference.added, difference.changed];
        let mut row = vec![name(difference.table)];
        row.extend(counts.map(|count| count.to_string()));
        row.push(text);
        table.add_row(row);
    }
    table.to_string()
}

/// The analysts' name of a table; if they read another table under the same name, the table's own name is added.
fn name(table: &str) -> String {
    let views =
        |name: &str| TABLES.iter().find(|table| table.name == name).map_or(&[][..], |table| table.views);
    let own = views(table);
    let others = TABLES
        .iter()
        .filter(|other| other.name != table && other.views.iter().any(|view| own.contains(view)));
    match own {
        [] => table.to_owned(),
        own if others.count() > 0 => format!("{} ({table})", own.join(", ")),
        own => own.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tables_are_shown_alike() {
        let names: BTreeSet<String> = TABLES.iter().map(|table| name(table.name)).collect();
        assert_eq!(names.len(), TABLES.len());
        assert_eq!(name("merge_request_facts"), "merge_requests");
    }
}
