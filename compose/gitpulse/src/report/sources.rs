//! Where reports read measured values. In: the scope. Out: the rollups, which have the same rows for a fraction of the cost, or the views. Never uses
//! a rollup that is not kept up to date, and waits a moment for one that is just being computed.

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error;
use schemas::rollup::{self, ROLLUPS};
use tokio::time::Instant;

use super::scope::Scope;

/// How long an answer waits for rollups that are being computed; the views would take longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two checks of their progress.
const PAUSE: Duration = Duration::from_millis(250);
/// If more projects than this are being computed, history is being read.
const MOST: usize = 1_000;

/// The replacement for `${deployment_metrics}` and the other views that have a rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sources {
    Views,
    Rollups,
}

impl Sources {
    /// The statement with names of views or rollups.
    pub(crate) fn fill(self, sql: &str) -> String {
        ROLLUPS.iter().fold(sql.to_owned(), |sql, rollup| {
            let name = match self {
                Sources::Views => rollup.view,
                Sources::Rollups => rollup.name,
            };
            sql.replace(&format!("${{{}}}", rollup.view), name)
        })
    }
}

/// The rollups, and the number of projects for which newer ones are being computed; `None` for the views.
struct RolledUp {
    behind: usize,
}

/// The rollups, if all projects of the scope have them, they are kept up to date, and the user may read them; else the views. A line says so if they
/// are behind.
pub(super) async fn find(client: &Client, scope: &Scope) -> (Sources, Option<String>) {
    match rolled_up(client, scope).await {
        Ok(Some(RolledUp { behind: 0 })) => (Sources::Rollups, None),
        Ok(Some(RolledUp { behind })) => (
            Sources::Rollups,
            Some(format!(
                "What happened last in {behind} of these projects is still being computed: numbers are up to a minute behind."
            )),
        ),
        // A role may lack the right to read them. If ClickHouse does not answer, the next query reports it.
        Ok(None) | Err(_) => (Sources::Views, None),
    }
}

async fn rolled_up(client: &Client, scope: &Scope) -> Result<Option<RolledUp>, Error> {
    let unknown = format!("SELECT count() FROM ({}) WHERE {}", rollup::unknown(), scope.condition());
    if scope.bind(client.query(&unknown)).fetch_one::<u64>().await? > 0 {
        return Ok(None);
    }
    // One query reads each of them, so that an unreadable one is found before it is used.
    let all = ROLLUPS.map(|rollup| format!("(SELECT count() FROM {} WHERE 0)", rollup.name)).join(" + ");
    client.query(&format!("SELECT ifNull({all}, 0)")).fetch_one::<u64>().await?;
    let mut waiting = waiting(client, scope).await?;
    // One was never computed, or history is being read.
    if waiting.len() > MOST || waiting.values().any(|(_, generation)| *generation == 0) {
        return Ok(None);
    }
    let (asked, began) = (waiting.keys().cloned().collect::<Vec<_>>(), Instant::now());
    let mut is_kept = false;
    while !waiting.is_empty() && began.elapsed() < PATIENCE {
        tokio::time::sleep(PAUSE).await;
        let newest = "SELECT toString(instance) AS of, project_id, max(rollup_generations.generation) FROM rollup_generations \
                      WHERE (instance, project_id) IN {asked:Array(Tuple(String, UInt64))} GROUP BY of, project_id";
        let newest: Vec<(String, u64, u64)> = client.query(newest).param("asked", &asked).fetch_all().await?;
        for (instance, project, generation) in newest {
            let project = (instance, project);
            let Some((marks, before)) = waiting.get(&project).copied() else { continue };
            is_kept |= generation > before;
            if generation >= marks {
                waiting.remove(&project);
            }
        }
    }
    match waiting.len() {
        0 => Ok(Some(RolledUp { behind: 0 })),
        // Nobody computes them, or not often enough for an answer.
        _ if !is_kept => Ok(None),
        behind => {
            let asked: Vec<(String, u64)> = waiting.into_keys().collect();
            let is_missing: u64 = client.query(&rollup::missing()).param("asked", &asked).fetch_one().await?;
            Ok((is_missing == 0).then_some(RolledUp { behind }))
        }
    }
}

/// Projects with more marks than their newest generation, each with both numbers.
async fn waiting(client: &Client, scope: &Scope) -> Result<BTreeMap<(String, u64), (u64, u64)>, Error> {
    let waiting = format!(
        "SELECT toString(instance) AS of, project_id, sum(rollup_generations.marks) AS marks, max(rollup_generations.generation) AS newest \
         FROM rollup_generations WHERE project_id != {} AND {} GROUP BY of, project_id HAVING marks > newest LIMIT {}",
        rollup::BOTS,
        scope.condition(),
        MOST + 1
    );
    let waiting: Vec<(String, u64, u64, u64)> = scope.bind(client.query(&waiting)).fetch_all().await?;
    let of = |(instance, project, marks, newest)| ((instance, project), (marks, newest));
    Ok(waiting.into_iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_with_a_rollup_is_named_once() {
        let sql = "SELECT 1 FROM ${lead_times} JOIN ${deployment_metrics}";
        assert_eq!(Sources::Views.fill(sql), "SELECT 1 FROM lead_times JOIN deployment_metrics");
        assert_eq!(Sources::Rollups.fill(sql), "SELECT 1 FROM lead_time_rollups JOIN deployment_rollups");
    }
}
