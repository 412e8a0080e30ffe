//! The tier or environment in question. In: its name. Out: what is known of it before anything is counted, or which name may have been meant. Reads
//! only `deployments`, which is cheap.

use clickhouse::Client;

use super::super::refused;
use super::super::scope::Scope;
use super::{DoraArgs, PRODUCTION, Productions};

/// What is known of the environment or tier before anything is counted.
#[derive(Debug, Default)]
pub(in crate::report) struct Place {
    /// The tiers that the environment has had, which decide whether incidents are blamed on it.
    pub(super) tiers: Vec<String>,
    /// Projects that deployed to it.
    projects: u64,
    /// Those of them without lead times for it alone: it is one of several environments of a tier other than production, or of more than 20.
    shared: u64,
    pub(super) productions: Productions,
}

impl Place {
    /// Whether lead times are computed for the environment alone in any project.
    pub(super) fn has_lead_times(&self) -> bool {
        self.shared == 0 || self.shared < self.projects
    }

    /// A note if lead times for the environment alone are missing, completely or in part.
    pub(super) fn shared(&self, environment: &str) -> Option<String> {
        let Place { tiers, projects, shared, .. } = self;
        let tiers = tiers.join(" or ");
        let missing = match shared {
            0 => return None,
            _ if !self.has_lead_times() => "there are no lead times here".to_owned(),
            _ => format!("those of {shared} of {projects} projects are missing here"),
        };
        Some(format!(
            "{environment} is one of several environments of the tier {tiers}. Lead times are computed for each of several environments in production alone, up to 20 of them, so that {missing}; ask by --tier."
        ))
    }
}

/// What is known of a tier or environment. Fails if nobody ever deployed to it, and then names those that exist.
pub(in crate::report) async fn place(
    client: &Client,
    scope: &Scope,
    args: &DoraArgs,
) -> anyhow::Result<Place> {
    let (column, what, asked) = match &args.environment {
        Some(environment) => ("environment", "environment", environment),
        None => ("environment_tier", "tier", &args.tier),
    };
    let sql = format!(
        "SELECT DISTINCT ifNull(toString({column}), '') AS name FROM deployments WHERE {} ORDER BY editDistanceUTF8(name, {{asked:String}}), name LIMIT 5",
        scope.condition()
    );
    let query = scope.bind(client.query(&sql)).param("asked", asked);
    let near: Vec<String> = query.fetch_all().await.map_err(refused)?;
    // If nothing was ever deployed, no tier is wrong.
    if !near.is_empty() && !near.contains(asked) {
        let near: Vec<&str> =
            near.iter().map(|name| if name.is_empty() { "(unknown)" } else { name }).collect();
        anyhow::bail!("nothing was deployed to the {what} {asked:?}; there are: {}", near.join(", "));
    }
    let sql = format!(
        "SELECT count() FROM (SELECT instance, project_id FROM deployments WHERE {} AND status = 'success' AND environment_tier = '{PRODUCTION}' \
         GROUP BY instance, project_id HAVING uniqExact(environment) > 1)",
        scope.condition()
    );
    let several: u64 = scope.bind(client.query(&sql)).fetch_one().await.map_err(refused)?;
    let productions = if several > 0 { Productions::Several } else { Productions::One };
    let Some(environment) = &args.environment else {
        return Ok(Place { productions, ..Place::default() });
    };
    // A project has one row for each tier that the environment has had.
    let sql = format!(
        "SELECT groupUniqArray(tier) AS tiers, uniqExact(instance, project_id) AS projects, \
                uniqExactIf((instance, project_id), environments > if(tier = '{PRODUCTION}', 20, 1)) AS shared FROM ( \
             SELECT instance, project_id, ifNull(toString(environment_tier), '') AS tier, \
                    uniqExact(environment) AS environments, max(ifNull(environment, '') = {{environment:String}}) AS is_there \
             FROM deployments WHERE {} AND status = 'success' GROUP BY instance, project_id, tier \
         ) WHERE is_there",
        scope.condition()
    );
    let query = scope.bind(client.query(&sql)).param("environment", environment);
    let (tiers, projects, shared): (Vec<String>, u64, u64) = query.fetch_one().await.map_err(refused)?;
    Ok(Place { tiers, projects, shared, productions })
}
