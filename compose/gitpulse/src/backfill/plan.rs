//! `gitpulse backfill --dry-run`. In: what to read. Out: its cost by list: requests, and the time they take. Publishes no history, and saves no
//! progress.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use backfill::checkpoint::{Checkpoints, Saved};
use backfill::list::List;
use backfill::plan::{Certainty, Cost, first_run, next_run, unchanged};
use backfill::scope::Owner;
use backfill::{BackfillConfig, count};
use comfy_table::{Table, presets};
use gitlab::Client;
use indicatif::HumanCount;
use tokio_util::sync::CancellationToken;

use super::session::{Fault, find, instance_of, with_remedy};

/// Projects that are listed by name.
const NAMED: usize = 20;

/// Prints the plan. `per_minute`: permitted requests per minute.
pub(crate) async fn run(
    config: &BackfillConfig,
    gitlab: &Client,
    clickhouse: clickhouse::Client,
    per_minute: u64,
    shutdown: &CancellationToken,
) -> Result<ExitCode, Fault> {
    let scope = find(config, gitlab, None, shutdown).await?;
    let (projects, groups): (Vec<Owner>, Vec<Owner>) =
        (scope.projects.into_values().collect(), scope.groups.into_values().collect());
    let lists = config.lists();
    let counted = count::count(gitlab, &projects, &lists);
    let counted = shutdown.run_until_cancelled(counted).await.ok_or(Fault::Stopped)?;
    let counted = counted.map_err(|error| Fault::NotBegun(with_remedy(&error, error.needs_attention())))?;
    let instance = instance_of(gitlab).map_err(|error| Fault::NotBegun(error.to_string()))?;
    let owners: Vec<u64> = projects.iter().chain(&groups).map(|owner| owner.id).collect();
    let known = Checkpoints::new(clickhouse, &instance).load(&owners).await.ok();
    let (since, now) = (config.begins_at(), gitlab.now());
    let mut costs = BTreeMap::new();
    for list in lists {
        for owner in if list.is_of_group() { &groups } else { &projects } {
            let saved = known.as_ref().and_then(|known| known.get(&(owner.id, list)));
            let is_read = |saved: &&Saved| saved.state.read_until().is_some() && saved.state.reaches(since);
            let cost = match saved.filter(is_read) {
                Some(saved) if saved.state.is_fresh(list, owner.last_activity_at, now) => unchanged(),
                Some(_) => next_run(list),
                None => {
                    let counts = counted.counts.get(&owner.id).copied().unwrap_or_default();
                    first_run(list, &counts, counted.by_graphql)
                }
            };
            costs.entry(list).and_modify(|sum: &mut Cost| *sum = sum.and(cost)).or_insert(cost);
        }
    }

    let plan = Plan {
        projects: &projects,
        groups: groups.len(),
        costs: &costs,
        per_minute,
        requests: scope.requests + counted.requests,
        is_from_the_beginning: known.is_none(),
    };
    // If nobody can read the plan, that is not a success.
    Ok(plan.write(&mut std::io::stdout().lock()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

/// What a run would read, and its cost.
struct Plan<'p> {
    projects: &'p [Owner],
    groups: usize,
    costs: &'p BTreeMap<List, Cost>,
    per_minute: u64,
    /// Requests that were needed to find out.
    requests: u64,
    /// Whether the saved progress is unknown.
    is_from_the_beginning: bool,
}

impl Plan<'_> {
    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        for project in self.projects.iter().take(NAMED) {
            writeln!(out, "{:>10}  {}", project.id, project.path)?;
        }
        if let Some(more @ 1..) = self.projects.len().checked_sub(NAMED) {
            writeln!(out, "            and {more} more")?;
        }
        writeln!(out, "{} projects, {} groups\n", self.projects.len(), self.groups)?;
        let rows = self.costs.iter().map(|(list, cost)| (list.as_str(), *cost));
        writeln!(out, "{}\n", table(rows, self.per_minute))?;
        writeln!(out, "{}", total(self.costs.values(), self.per_minute))?;
        writeln!(out, "Finding that out took {} requests.", self.requests)?;
        if self.is_from_the_beginning {
            writeln!(
                out,
                "ClickHouse does not say what was read before: this is what it costs from the beginning."
            )?;
        }
        Ok(())
    }
}

fn table<'c>(costs: impl Iterator<Item = (&'c str, Cost)>, per_minute: u64) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["list", "things", "requests", "time"]);
    for (list, cost) in costs {
        let things = cost.things.map(|things| HumanCount(things).to_string()).unwrap_or_default();
        let requests = match cost.certainty {
            Certainty::Counted => HumanCount(cost.requests).to_string(),
            Certainty::AtLeast => format!("at least {}", HumanCount(cost.requests)),
            Certainty::AtMost => format!("at most {}", HumanCount(cost.requests)),
        };
        table.add_row([list.to_owned(), things, requests, time(cost.requests, per_minute)]);
    }
    table.to_string()
}

/// The sum, as far as it is known.
fn total<'c>(costs: impl Iterator<Item = &'c Cost>, per_minute: u64) -> String {
    let (mut sure, mut at_most) = (0, 0);
    for cost in costs {
        match cost.certainty {
            Certainty::Counted | Certainty::AtLeast => sure += cost.requests,
            Certainty::AtMost => at_most += cost.requests,
        }
    }
    let mut text = format!("An estimate: at least {} requests, {}", HumanCount(sure), time(sure, per_minute));
    if at_most > 0 {
        let all = time(sure + at_most, per_minute);
        text.push_str(&format!(
            ", for lists; then up to {} for single things, {all} in all",
            HumanCount(at_most)
        ));
    }
    format!("{text}, at {} requests a minute.", HumanCount(per_minute))
}

/// The time that requests take at the permitted rate.
fn time(requests: u64, per_minute: u64) -> String {
    let seconds = (requests * 60).div_ceil(per_minute.max(1));
    match seconds {
        0..60 => format!("{seconds} s"),
        60..7_200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{:.1} h", seconds as f64 / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sum_is_not_summed() {
        let cost = |requests, certainty| Cost { things: None, requests, certainty };
        let lists = [cost(100, Certainty::Counted), cost(20, Certainty::AtLeast)];
        assert_eq!(
            total(lists.iter(), 600),
            "An estimate: at least 120 requests, 12 s, at 600 requests a minute."
        );
        let single = [lists[0], lists[1], cost(6_000, Certainty::AtMost)];
        assert_eq!(
            total(single.iter(), 600),
            "An estimate: at least 120 requests, 12 s, for lists; then up to 6,000 for single things, 11 min in all, at 600 requests a minute."
        );
        assert_eq!(time(72_000, 600), "2.0 h");
    }
}
