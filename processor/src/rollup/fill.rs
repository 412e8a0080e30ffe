//! Reads marks and computes rollups. In: projects and their marks. Out: rows of a generation, then the generation. Never removes a mark: the
//! generation says how many were known.

use std::collections::BTreeMap;

use clickhouse::{Client, Row};
use fail::fail_point;
use runtime::clickhouse::{ClickHouse, Insertion};
use schemas::migration::Target;
use schemas::rollup::{self, ROLLUPS, Rollup};
use schemas::view::BOT_NAMES;
use serde::{Deserialize, Serialize};

use super::pace::{Project, Sizes};
use crate::places::{self, PlacesError};
use crate::rows::TABLES;
use crate::share::Share;

/// Why rollups could not be computed.
#[derive(Debug, thiserror::Error)]
#[error("ClickHouse refused while it {doing}")]
pub struct RollupError {
    doing: &'static str,
    #[source]
    source: clickhouse::error::Error,
}

/// A generation of a project.
#[derive(Debug, Row, Serialize)]
struct GenerationRow {
    instance: String,
    project_id: u64,
    generation: u64,
}

#[derive(Row, Deserialize)]
struct WaitingRow {
    instance: String,
    project_id: u64,
    marks: u64,
}

/// Computes and publishes rollups.
pub(super) struct Fill {
    client: Client,
    target: Target,
}

impl From<PlacesError> for RollupError {
    fn from(PlacesError { doing, source }: PlacesError) -> RollupError {
        RollupError { doing, source }
    }
}

fn failed(doing: &'static str) -> impl FnOnce(clickhouse::error::Error) -> RollupError {
    move |source| RollupError { doing, source }
}

impl Fill {
    pub(super) fn new(clickhouse: &ClickHouse) -> Fill {
        // One core of ClickHouse: the others are for inserts and queries.
        let client = clickhouse.client.clone().with_setting("max_threads", "1");
        Fill { client, target: clickhouse.target.clone() }
    }

    /// The projects of a share with more marks than their newest generation, with the number of marks. Anything read later is at least as new.
    pub(super) async fn waiting(&self, share: &Share) -> Result<Vec<(Project, u64)>, RollupError> {
        let query = "SELECT instance, project_id, sum(rollup_generations.marks) AS marks FROM rollup_generations \
                     WHERE project_id != ? AND cityHash64(instance, project_id) % ? IN ? \
                     GROUP BY instance, project_id HAVING marks > max(rollup_generations.generation)";
        let query = self.client.query(query).bind(rollup::BOTS).bind(share.of).bind(&share.held);
        let rows: Vec<WaitingRow> = query.fetch_all().await.map_err(failed("asked for marks"))?;
        let waiting =
            |row: WaitingRow| (Project { instance: row.instance, project_id: row.project_id }, row.marks);
        Ok(rows.into_iter().map(waiting).collect())
    }

    /// Marks all projects of a GitLab with more known bots than before: metric views exclude bots, and users belong to no project. For a user
    /// without a bot's name, only the API says that it is a bot. The number of bots is kept as the generation of [`rollup::BOTS`].
    pub(super) async fn mark_for_bots(&self) -> Result<(), RollupError> {
        let bots = "SELECT bots.instance, bots.known FROM ( \
                        SELECT instance, count() AS known FROM users \
                        WHERE is_bot AND NOT match(ifNull(username, ''), ?) GROUP BY instance \
                    ) AS bots LEFT JOIN ( \
                        SELECT instance, max(rollup_generations.generation) AS before FROM rollup_generations \
                        WHERE project_id = ? GROUP BY instance \
                    ) AS told ON told.instance = bots.instance WHERE bots.known > told.before";
        let bots = self.client.query(bots).bind(BOT_NAMES).bind(rollup::BOTS);
        let more: Vec<(String, u64)> = bots.fetch_all().await.map_err(failed("counted bots"))?;
        for (instance, known) in more {
            let mark = "INSERT INTO rollup_generations (instance, project_id, marks) SELECT DISTINCT instance, project_id, 1 \
                        FROM rollup_generations WHERE instance = ? AND project_id != ?";
            let marked = self.client.query(mark).bind(&instance).bind(rollup::BOTS).execute().await;
            marked.map_err(failed("marked projects"))?;
            let counted = [(Project { instance, project_id: rollup::BOTS }, known)];
            self.publish(&counted).await.map_err(failed("noted how many bots there are"))?;
        }
        Ok(())
    }

    /// The number of rows of facts of each project.
    pub(super) async fn sizes(&self, projects: &[(Project, u64)]) -> Result<Sizes, RollupError> {
        let mut of_instances: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (project, _) in projects {
            of_instances.entry(&project.instance).or_default().push(project.project_id);
        }
        let mut sizes = Sizes::new();
        for (instance, ids) in of_instances {
            let query =
                self.client.query(&rollup::sizes()).param("instance", instance).param("projects", ids);
            let counted: Vec<(u64, u64)> = query.fetch_all().await.map_err(failed("counted rows"))?;
            for (project_id, rows) in counted {
                sizes.insert(Project { instance: instance.to_owned(), project_id }, rows);
            }
        }
        Ok(sizes)
    }

    /// Computes the places and the rollups of projects of one GitLab from the current views, and publishes their generations.
    pub(super) async fn compute(&self, group: &[(Project, u64)]) -> Result<(), RollupError> {
        let Some((first, _)) = group.first() else { return Ok(()) };
        self.catch_up().await?;
        let projects: Vec<(u64, u64)> =
            group.iter().map(|(project, marks)| (project.project_id, *marks)).collect();
        // Views of deployments read the places of merge requests.
        places::compute(&self.client, &first.instance, &projects).await?;
        let (ids, generations): (Vec<u64>, Vec<u64>) = projects.into_iter().unzip();
        for rollup in ROLLUPS {
            // By name: if a view is being replaced, ClickHouse refuses instead of mixing up columns.
            let columns = self.columns(&rollup).await?;
            let query = self.query(&rollup).await?;
            let statement = rollup.fill(&columns, &query, &self.target.database);
            let statement = self.client.query_raw(&statement).param("instance", &first.instance);
            let filled = statement.param("projects", &ids).param("generations", &generations).execute().await;
            filled.map_err(failed("computed rollups"))?;
            fail_point!("rollup::between_tables", |_| std::process::abort());
        }
        fail_point!("rollup::before_publishing", |_| std::process::abort());
        self.publish(group).await.map_err(failed("published a generation"))
    }

    async fn publish(&self, group: &[(Project, u64)]) -> clickhouse::error::Result<()> {
        let rows = group.iter().cloned().map(|(Project { instance, project_id }, generation)| {
            GenerationRow { instance, project_id, generation }
        });
        Insertion::into(&self.client, "rollup_generations").rows::<GenerationRow>(&Vec::from_iter(rows)).await
    }

    /// The query of its view, as stored in the database.
    async fn query(&self, rollup: &Rollup) -> Result<String, RollupError> {
        let query = "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = ?";
        self.client.query(query).bind(rollup.view).fetch_one().await.map_err(failed("asked for a view"))
    }

    async fn columns(&self, rollup: &Rollup) -> Result<String, RollupError> {
        let query = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ? AND name != 'generation' ORDER BY position";
        let names = self.client.query(query).bind(rollup.table).fetch_all::<String>().await;
        let quoted: Vec<String> =
            names.map_err(failed("asked for columns"))?.iter().map(|name| format!("`{name}`")).collect();
        Ok(quoted.join(", "))
    }

    /// On a cluster, waits until the replica has all rows: a mark may have arrived before the rows that it is about.
    async fn catch_up(&self) -> Result<(), RollupError> {
        if self.target.cluster.is_none() {
            return Ok(());
        }
        for table in TABLES {
            let statement = format!("SYSTEM SYNC REPLICA `{}` LIGHTWEIGHT", table.name);
            self.client.query(&statement).execute().await.map_err(failed("waited for a replica"))?;
        }
        Ok(())
    }
}
