//! `gitpulse explain lead-time`. In: a merge request, a tier or an environment. Out: the deployments that could have brought it, and which did. Reads
//! `lead_times` for the number, and the rows behind it for the chain.

use clap::Args;
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::chain::{self, Explained, Explanation, Step, in_order};
use super::definitions::Definition;
use super::reasons::reason;
use super::thing::{Project, Thing, find, merge_request};
use crate::report::{Productions, Sources, duration, environment_lead_times, refused};

/// The merge request, and the tier or environment.
#[derive(Debug, Args)]
pub(super) struct LeadTimeArgs {
    /// Merge request, as shop/checkout!7, or 42!7 with the id of the project
    #[arg(long, value_name = "PROJECT!NUMBER", value_parser = merge_request)]
    merge_request: Thing,
    /// Tier that it was deployed to
    #[arg(long, value_name = "TIER", default_value = "production")]
    tier: String,
    /// Environment that it was deployed to, instead of a tier
    #[arg(long, value_name = "NAME", conflicts_with = "tier")]
    environment: Option<String>,
}

#[derive(Row, Deserialize)]
struct LeadTime {
    /// Unix seconds.
    merged_at: i64,
    first_commit_at: Option<i64>,
    deployment_id: Option<u64>,
    lead_time_seconds: Option<i64>,
    first_commit_lead_time_seconds: Option<i64>,
    evidence: String,
    reason: String,
}

/// The chain behind one lead time.
pub(super) async fn explain(client: &Client, args: &LeadTimeArgs) -> anyhow::Result<Explained> {
    let Thing { project: name, iid } = &args.merge_request;
    let project = find(client, name).await?;
    let question = Question { project, iid: *iid, args };
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp(merged_at)) AS merged_at, toNullable(toInt64(toUnixTimestamp(first_commit_at))) AS first_commit_at, \
         toNullable(toUInt64(deployment_id)) AS deployment_id, toNullable(toInt64(lead_time_seconds)) AS lead_time_seconds, \
         toNullable(toInt64(first_commit_lead_time_seconds)) AS first_commit_lead_time_seconds, toString(evidence) AS evidence, toString(reason) AS reason \
         FROM {} LIMIT 1",
        question.view()
    );
    let row: Option<LeadTime> = question.bind(client.query(&sql)).fetch_optional().await.map_err(refused)?;
    let Some(row) = row else { return question.not_there(client).await.map(Explained::NotOnRecord) };
    let place = match &args.environment {
        Some(environment) => format!("the environment {environment}"),
        None => format!("the tier {}", args.tier),
    };
    let since = |what, seconds: Option<i64>| seconds.map(|seconds| format!("{} {what}", said(seconds)));
    let times = [
        since("from its merge", row.lead_time_seconds),
        since("from its first commit", row.first_commit_lead_time_seconds),
    ];
    let times: Vec<String> = times.into_iter().flatten().collect();
    let verdict = match row.reason.as_str() {
        "" => format!("{}; known by {}", times.join(", "), row.evidence),
        reason => format!("none: {reason}"),
    };
    let mut steps = question.landed(client, row.merged_at).await?;
    steps.extend(row.first_commit_at.map(|at| Step {
        at: Some(at),
        what: "first commit was written".to_owned(),
        row: format!("first_commits !{iid}"),
        event: String::new(),
        decides: true,
    }));
    steps.extend(question.deployments(client, &row).await?);
    Ok(Explained::By(Explanation {
        of: format!("Lead time of {name}!{iid} to {place}"),
        verdict,
        steps: in_order(steps),
        definitions: match row.reason.as_str() {
            "" => vec![Definition::Attribution, Definition::LeadTime, Definition::FirstCommitLeadTime],
            _ => vec![Definition::Attribution],
        },
        reason: (!row.reason.is_empty()).then(|| reason(&row.reason)),
    }))
}

const OF_IT: &str =
    "instance = {instance:String} AND project_id = {project_id:UInt64} AND iid = {iid:UInt64}";

/// The question.
struct Question<'a> {
    project: Project,
    iid: u64,
    args: &'a LeadTimeArgs,
}

impl Question<'_> {
    /// The view of lead times, limited to the row.
    fn view(&self) -> String {
        const OF_PROJECT: &str = "instance = {instance:String} AND project_id = {project_id:UInt64}";
        match self.args.environment {
            None => format!("lead_times WHERE {OF_IT} AND tier = {{place:String}}"),
            Some(_) => {
                let view = Sources::Views
                    .fill(&environment_lead_times(Productions::Several))
                    .replace("${scope}", OF_PROJECT);
                format!("{view} WHERE {OF_IT} AND environment = {{place:String}}")
            }
        }
    }

    fn bind(&self, query: Query) -> Query {
        query
            .param("instance", &self.project.instance)
            .param("project_id", self.project.id)
            .param("iid", self.iid)
            .param("place", self.args.environment.as_deref().unwrap_or(&self.args.tier))
    }

    /// The merge, and the commit that brought it to the branch.
    async fn landed(&self, client: &Client, merged_at: i64) -> anyhow::Result<Vec<Step>> {
        let sql = format!(
            "SELECT {{merged_at:Int64}} AS at, \
             concat('merged into ', places.branch, if(places.sha = '', '; nobody told which commit that was', concat(' as ', substring(places.sha, 1, 8)))) AS what, \
             concat('merge_requests !', toString(told.iid)) AS row, told.last_event_id AS event, true AS decides \
             FROM (SELECT iid, last_event_id FROM merge_requests WHERE {OF_IT} LIMIT 1) AS told \
             LEFT JOIN (SELECT iid, branch, sha FROM merge_request_places WHERE {OF_IT} LIMIT 1) AS places ON places.iid = told.iid"
        );
        chain::steps(client, &sql, |query| self.bind(query).param("merged_at", merged_at)).await
    }

    /// The baseline, the last success before the merge, the deployments between the merge and the one that brought it, and that one.
    async fn deployments(&self, client: &Client, lead_time: &LeadTime) -> anyhow::Result<Vec<Step>> {
        let place = match self.args.environment {
            None => "ifNull(tier, '') = {place:String}",
            Some(_) => "ifNull(environment, '') = {place:String}",
        };
        let sql = format!(
            "WITH \
             toDateTime({{merged_at:Int64}}, 'UTC') AS merged, \
             (SELECT any(place) FROM merge_request_places WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}} AND iid = {{iid:UInt64}}) AS own_place, \
             (SELECT any(branch) FROM merge_request_places WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}} AND iid = {{iid:UInt64}}) AS own_branch \
             SELECT toUnixTimestamp(told.finished_at) AS at, \
             concat('deployment ', toString(told.deployment_id), ' to ', toString(told.environment), ', ', toString(told.status), ': ', multiIf( \
                 told.deployment_id = {{chosen:UInt64}}, 'the first success at its place or beyond, which brought it', \
                 NOT told.is_successful, 'brought nothing', \
                 told.is_baseline, 'the first success on record, the baseline', \
                 told.change = 'rollback', 'went back', \
                 told.change = 'repeat', 'the commit of before once more', \
                 told.place_reason != '', concat('nobody knows its place: ', toString(told.place_reason)), \
                 ifNull(told.branch, '') != own_branch, concat('of the branch ', ifNull(told.branch, '')), \
                 ifNull(told.place, 0) < own_place, 'its place is before', \
                 'came later')) AS what, \
             concat('deployments ', toString(told.deployment_id)) AS row, \
             deployments.last_event_id AS event, \
             told.is_baseline OR ifNull(told.is_last_before, false) OR told.deployment_id = {{chosen:UInt64}} AS decides \
             FROM (SELECT *, is_successful AND finished_at = min(if(is_successful, finished_at, NULL)) OVER () AS is_baseline, \
                   is_successful AND finished_at = max(if(is_successful AND finished_at < merged, finished_at, NULL)) OVER () AS is_last_before \
                   FROM deployment_metrics WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}} AND {place} AND (is_successful OR is_failed)) AS told \
             LEFT JOIN (SELECT * FROM deployments WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}}) AS deployments ON deployments.id = told.deployment_id \
             WHERE told.is_baseline OR ifNull(told.is_last_before, false) OR told.deployment_id = {{chosen:UInt64}} \
                OR (told.finished_at >= merged AND ({{chosen:UInt64}} = 0 OR told.finished_at <= \
                    (SELECT max(finished_at) FROM deployment_metrics WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}} AND deployment_id = {{chosen:UInt64}}))) \
             ORDER BY told.finished_at, told.deployment_id"
        );
        let bind = |query: Query| {
            let query = self.bind(query).param("chosen", lead_time.deployment_id.unwrap_or(0));
            query.param("merged_at", lead_time.merged_at)
        };
        chain::steps(client, &sql, bind).await
    }

    /// Why there is no row.
    async fn not_there(&self, client: &Client) -> anyhow::Result<String> {
        let name = format!("{}!{}", self.args.merge_request.project, self.iid);
        let sql = "SELECT ifNull(toString(state), 'unknown') FROM merge_requests \
                   WHERE instance = {instance:String} AND project_id = {project_id:UInt64} AND iid = {iid:UInt64} LIMIT 1";
        let state: Option<String> = self.bind(client.query(sql)).fetch_optional().await.map_err(refused)?;
        Ok(match state.as_deref() {
            None => format!("there is no merge request {name} on record"),
            Some("merged") => self.never_there(client, &name).await?,
            Some(state) => format!("{name} is {state}: there is a lead time once it is merged"),
        })
    }

    /// Why there is no row for a merged merge request.
    async fn never_there(&self, client: &Client, name: &str) -> anyhow::Result<String> {
        let (column, asked) = match &self.args.environment {
            Some(environment) => ("environment", environment),
            None => ("environment_tier", &self.args.tier),
        };
        let sql = format!(
            "SELECT ifNull(toString({column}), '') AS name, ifNull(toString(environment_tier), '') AS tier FROM deployments \
             WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}} AND status = 'success' AND name != '' \
             GROUP BY name, tier ORDER BY name, tier"
        );
        let there: Vec<(String, String)> =
            self.bind(client.query(&sql)).fetch_all().await.map_err(refused)?;
        let mut names: Vec<&str> = there.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        if there.is_empty() {
            return Ok(format!("{name} was merged, and nothing was deployed from its project yet"));
        }
        match there.iter().find(|(there, _)| there == asked) {
            None => Ok(format!(
                "{name} was merged, and its project never deployed to {asked}; it did to: {}",
                names.join(", ")
            )),
            // One of several environments of a tier that is not production.
            Some((_, tier)) if self.args.environment.is_some() && tier != "production" => Ok(format!(
                "{name} was merged; {asked} is one of several environments of the tier {tier}, for each of which lead times are computed in production alone: ask with --tier {tier}"
            )),
            Some(_) => Ok(format!(
                "{name} was merged, and its place is not computed yet, which `gitpulse processor` does within seconds"
            )),
        }
    }
}

/// Seconds as text.
#[expect(clippy::cast_precision_loss, reason = "spans of time are far below 2^53 seconds")]
pub(super) fn said(seconds: i64) -> String {
    duration(seconds as f64)
}
