//! `gitpulse report dora`. In: a tier or an environment. Out: how often is deployed, how long that takes, how often it fails and how soon that is mended, by
//! each definition, with what GitLab's own formulas give beside it.

mod failures;

use clap::Args;
use clickhouse::Client;

use self::failures::{as_gitlab, failures, incidents, restores};
use super::answer::{Breakdown, Report};
use super::measure::{Coverage, Measure, Section, Unit, day, within};
use super::refused;
use super::scope::Scope;

/// Which deployments are meant.
#[derive(Debug, Clone, Args)]
pub(super) struct DoraArgs {
    /// Deployments to environments of this tier: production, staging, testing, development or other
    #[arg(long, value_name = "TIER", default_value = PRODUCTION)]
    pub(super) tier: String,
    /// Deployments to the environment of this name, whatever its tier
    #[arg(long, value_name = "NAME", conflicts_with = "tier")]
    pub(super) environment: Option<String>,
}

const PRODUCTION: &str = "production";
/// The deployments that are meant.
const MEANT: &str = "if({environment:String} = '', ifNull(tier, '') = {tier:String}, ifNull(environment, '') = {environment:String})";
/// The same, of rows of `deployments`.
const TOLD: &str = "if({environment:String} = '', ifNull(environment_tier, '') = {tier:String}, ifNull(environment, '') = {environment:String})";

/// Whether incidents can be blamed on what is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blamed {
    Production,
    Never,
}

/// What is known of the environment or tier that is asked about, before anything of it is counted.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The tiers that the environment has had, by which incidents are blamed on it.
    tiers: Vec<String>,
    /// Projects that were deployed to it.
    projects: u64,
    /// Those of them in which nobody computes lead times for it alone: it is one of several environments of a tier that is not production, or of more than 20.
    shared: u64,
    productions: Productions,
}

impl DoraArgs {
    /// Values of the queries.
    pub(super) fn words(&self) -> Vec<(&'static str, String)> {
        let environment = self.environment.clone().unwrap_or_default();
        vec![("tier", self.tier.clone()), ("environment", environment)]
    }

    /// The report.
    pub(super) fn report(&self, place: &Place) -> Report {
        let is_production = match &self.environment {
            None => self.tier == PRODUCTION,
            Some(_) => place.tiers.iter().any(|tier| tier == PRODUCTION),
        };
        let blamed = if is_production { Blamed::Production } else { Blamed::Never };
        let has_lead_times = self.environment.is_none() || place.shared < place.projects;
        let mut sections = vec![deployments()];
        if has_lead_times {
            sections
                .extend([lead_times(self, place.productions), lead_times_by_environment(place.productions)]);
        }
        sections.push(failures(blamed));
        // By project, whichever of its environments was deployed to.
        if is_production && self.environment.is_none() {
            sections.push(incidents());
        }
        sections.push(restores());
        sections.push(as_gitlab(blamed));
        let mut notes = Vec::new();
        if has_lead_times {
            notes.push("Lead times are of merge requests that were deployed in the window; what they cover is counted over those that were merged in it.".to_owned());
        }
        notes.extend(self.shared(place));
        if !is_production {
            notes.push("Incidents are blamed on deployments to production alone.".to_owned());
        }
        let chosen = match &self.environment {
            Some(environment) => vec![("environment", environment.clone())],
            None => vec![("tier", self.tier.clone())],
        };
        Report {
            name: "dora",
            title: "DORA metrics",
            chosen,
            sections,
            breakdowns: vec![Breakdown {
                name: "by_environment",
                title: "By environment",
                subject: "environment",
                columns: vec![
                    ("deployments_count", "successful"),
                    ("deployments_per_day", "a day"),
                    ("environment_lead_time_from_merge_p50_seconds", "lead time, median"),
                    ("failed_deployments_ratio", "failed"),
                ],
                order: "deployments_count",
                limit: 20,
            }],
            drawn: "deployments_count",
            first: (
                format!(
                    "SELECT min(finished_at) FROM ${{deployment_metrics}} WHERE ${{scope}} AND is_successful AND {MEANT}"
                ),
                "deployments",
            ),
            hint: "",
            lists: &["deployments", "environments", "merge_requests", "issues"],
            notes,
        }
    }

    /// That lead times of the environment alone are missing, wholly or in part.
    fn shared(&self, place: &Place) -> Option<String> {
        let environment = self.environment.as_ref().filter(|_| place.shared > 0)?;
        let tiers = place.tiers.join(" or ");
        let missing = match place.shared == place.projects {
            true => "there are no lead times here".to_owned(),
            false => format!("those of {} of {} projects are missing here", place.shared, place.projects),
        };
        Some(format!(
            "{environment} is one of several environments of the tier {tiers}. Lead times are computed for each of several environments in production alone, up to 20 of them, so that {missing}; ask by --tier."
        ))
    }
}

/// Deployments by the day on which they finished.
fn of_deployments() -> String {
    format!(
        "SELECT *, [('finished', {})] AS days, [ifNull(toString(environment), '')] AS subjects FROM ${{deployment_metrics}} \
         WHERE ${{scope}} AND {} AND {MEANT}",
        day("finished_at"),
        within("finished_at"),
    )
}

fn deployments() -> Section {
    let per_day = |name, label, condition| Measure::per_day(name, label, condition).more_is_better();
    Section {
        title: "Deployments",
        rows: of_deployments(),
        measures: vec![
            Measure::count("deployments_count", "successful", "is_successful").more_is_better(),
            per_day("deployments_per_day", "a day", "is_successful"),
            per_day(
                "changes_per_day",
                "a day, without repeats and rollbacks",
                "is_successful AND change IN ('first', 'change')",
            ),
            per_day("distinct_changes_per_day", "a day, each commit once a tier", "is_first_of_tier"),
            Measure::count("repeats_count", "repeats", "is_successful AND change = 'repeat'"),
            Measure::count("rollbacks_count", "rollbacks", "is_successful AND change = 'rollback'")
                .less_is_better(),
        ],
    }
}

/// Of how many environments of production a project may have lead times for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Productions {
    /// Every project has one at the most.
    One,
    #[default]
    Several,
}

/// Lead times by environment. A project of which a tier has a single one has them in `lead_times` alone, where the first of the tier is the first of that one.
pub(crate) fn environment_lead_times(productions: Productions) -> String {
    // The view is not cheap even where it has no row.
    let several = match productions {
        Productions::One => "",
        Productions::Several => {
            "SELECT instance, project_id, iid, toString(environment) AS environment, merged_at, deployment_id, deployed_at, lead_time_seconds, evidence, reason \
             FROM environment_lead_times WHERE ${scope} UNION ALL "
        }
    };
    format!(
        "(\
    SELECT told.instance AS instance, told.project_id AS project_id, told.iid AS iid, told.environment AS environment, told.merged_at AS merged_at, \
        told.deployment_id AS deployment_id, told.deployed_at AS deployed_at, told.lead_time_seconds AS lead_time_seconds, told.evidence AS evidence, told.reason AS reason, \
        beginnings.first_commit_at AS first_commit_at, \
        if(beginnings.first_commit_at <= told.merged_at, dateDiff('second', beginnings.first_commit_at, told.deployed_at), NULL) AS first_commit_lead_time_seconds \
    FROM ({several}\
          SELECT lead_times.instance AS instance, lead_times.project_id AS project_id, iid, only.its_only AS environment, merged_at, deployment_id, deployed_at, lead_time_seconds, evidence, reason \
          FROM (SELECT * FROM ${{lead_times}} WHERE ${{scope}}) AS lead_times \
          INNER JOIN (SELECT instance, project_id, tier, any(toString(environment)) AS its_only FROM ${{deployment_metrics}} \
                      WHERE ${{scope}} AND is_successful GROUP BY instance, project_id, tier HAVING uniqExact(environment) = 1) AS only \
          ON only.instance = lead_times.instance AND only.project_id = lead_times.project_id AND only.tier = lead_times.tier) AS told \
    LEFT ANY JOIN (SELECT instance, project_id, iid, first_commit_at FROM ${{lead_times}} WHERE ${{scope}} AND tier = 'production') AS beginnings \
    ON beginnings.instance = told.instance AND beginnings.project_id = told.project_id AND beginnings.iid = told.iid)"
    )
}

/// Lead times, by tier or by environment. Those of what was deployed in a span; what they cover, of what was merged in it.
fn lead_times(args: &DoraArgs, productions: Productions) -> Section {
    let view = match args.environment {
        Some(_) => {
            format!("{} WHERE environment = {{environment:String}}", environment_lead_times(productions))
        }
        None => "${lead_times} WHERE ${scope} AND tier = {tier:String}".to_owned(),
    };
    let attributed = "role = 'deployed' AND reason = ''";
    let merged = "role = 'merged' AND reason NOT IN ('awaiting', 'promotion')";
    let from_merge = Coverage {
        // What is still awaited, and what brings others, is no gap, but is told.
        reasons: "sumMapIf(map(toString(reason), toUInt64(1)), role = 'merged' AND reason != '')".to_owned(),
        ..Coverage::new("reason = ''", merged, "reason").of("merged")
    };
    let with_first_commit = Coverage {
        reasons: "sumMapIf(map(multiIf(reason != '', toString(reason), first_commit_at IS NULL, 'first_commit_unknown', 'clock'), toUInt64(1)), role = 'merged' AND first_commit_lead_time_seconds IS NULL)".to_owned(),
        ..Coverage::new("reason = '' AND first_commit_lead_time_seconds IS NOT NULL", merged, "reason").of("merged")
    };
    let quantile = |name, label, level, column| {
        Measure::quantile(name, label, Unit::Seconds, (level, column), attributed).less_is_better()
    };
    let first_commit = "first_commit_lead_time_seconds";
    Section {
        title: "Lead time",
        rows: format!(
            "SELECT *, [('deployed', {}), ('merged', {})] AS days, CAST([], 'Array(String)') AS subjects FROM {view} AND (({}) OR ({}))",
            day("deployed_at"),
            day("toNullable(merged_at)"),
            within("deployed_at"),
            within("merged_at"),
        ),
        measures: vec![
            Measure::count("deployed_merge_requests_count", "merge requests deployed", attributed)
                .more_is_better(),
            quantile("lead_time_from_merge_p50_seconds", "from merge, median", 0.5, "lead_time_seconds")
                .covering(&from_merge),
            quantile(
                "lead_time_from_merge_p90_seconds",
                "from merge, 90 of 100 within",
                0.9,
                "lead_time_seconds",
            ),
            quantile(
                "lead_time_from_first_commit_p50_seconds",
                "from first commit, median",
                0.5,
                first_commit,
            )
            .covering(&with_first_commit),
            quantile(
                "lead_time_from_first_commit_p90_seconds",
                "from first commit, 90 of 100 within",
                0.9,
                first_commit,
            ),
        ],
    }
}

/// Lead times under the environment's own name: a merge request that two environments got has one in each.
fn lead_times_by_environment(productions: Productions) -> Section {
    let lead_times = environment_lead_times(productions);
    Section {
        title: "",
        rows: format!(
            "SELECT *, [('deployed', {})] AS days, [environment] AS subjects FROM {lead_times} \
             WHERE {} AND (instance, project_id, environment) IN \
             (SELECT instance, project_id, toString(environment) FROM ${{deployment_metrics}} WHERE ${{scope}} AND {MEANT})",
            day("deployed_at"),
            within("deployed_at"),
        ),
        measures: vec![Measure::quantile(
            "environment_lead_time_from_merge_p50_seconds",
            "lead time from merge, median",
            Unit::Seconds,
            (0.5, "lead_time_seconds"),
            "reason = ''",
        )],
    }
}

/// What is known of a tier or environment. Fails where nobody ever deployed to it, and says to which somebody did.
pub(super) async fn place(client: &Client, scope: &Scope, args: &DoraArgs) -> anyhow::Result<Place> {
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
    // Where nothing was ever deployed, no tier is wrong.
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
    // A project has it once for each tier that it has had.
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
