//! `gitpulse explain lead-time`. In: a merge request, a tier or an environment. Out: the deployments that could have brought it, and which did. Reads `lead_times` for
//! the number, and for the chain the rows that it is made of.

use clap::Args;
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::chain::{Explained, Explanation, Step, in_order};
use super::definitions::Definition;
use super::reasons::reason;
use super::thing::{Project, Thing, find, merge_request};
use crate::report::{ENVIRONMENT_LEAD_TIMES, duration, refused};

/// Of what.
#[derive(Debug, Args)]
pub(super) struct LeadTimeArgs {
    /// The merge request, as shop/checkout!7, or 42!7 with the number of the project
    #[arg(long, value_name = "PROJECT!NUMBER", value_parser = merge_request)]
    merge_request: Thing,
    /// The tier that it was deployed to
    #[arg(long, value_name = "TIER", default_value = "production")]
    tier: String,
    /// The environment that it was deployed to, in place of a tier
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

/// What is asked.
struct Question<'a> {
    project: Project,
    iid: u64,
    args: &'a LeadTimeArgs,
}

impl Question<'_> {
    /// The view of lead times, and the one row of it.
    fn view(&self) -> String {
        const OF_IT: &str =
            "instance = {instance:String} AND project_id = {project_id:UInt64} AND iid = {iid:UInt64}";
        const OF_PROJECT: &str = "instance = {instance:String} AND project_id = {project_id:UInt64}";
        match self.args.environment {
            None => format!("lead_times WHERE {OF_IT} AND tier = {{place:String}}"),
            Some(_) => {
                let view = ENVIRONMENT_LEAD_TIMES.replace("${scope}", OF_PROJECT);
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

    /// The merge, and as which commit it came to the branch.
    async fn landed(&self, client: &Client, merged_at: i64) -> anyhow::Result<Vec<Step>> {
        const OF_IT: &str =
            "instance = {instance:String} AND project_id = {project_id:UInt64} AND iid = {iid:UInt64}";
        let sql = format!(
            "SELECT toNullable(toInt64({{merged_at:Int64}})) AS at, \
             concat('merged into ', places.branch, if(places.sha = '', '; as which commit is not known', concat(' as ', substring(places.sha, 1, 8)))) AS what, \
             concat('merge_requests !', toString(told.iid)) AS row, toString(told.last_event_id) AS event \
             FROM (SELECT iid, last_event_id FROM merge_requests WHERE {OF_IT} LIMIT 1) AS told \
             LEFT JOIN (SELECT iid, branch, sha FROM merge_request_places WHERE {OF_IT} LIMIT 1) AS places ON places.iid = told.iid"
        );
        let query = self.bind(client.query(&sql)).param("merged_at", merged_at);
        query.fetch_all().await.map_err(refused)
    }

    /// The baseline, the last success before the merge, what was deployed between the merge and the deployment that brought it, and that one.
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
             SELECT toNullable(toInt64(toUnixTimestamp(told.finished_at))) AS at, \
             concat('deployment ', toString(told.deployment_id), ' to ', ifNull(toString(told.environment), ''), ', ', ifNull(toString(told.status), ''), ': ', multiIf( \
                 told.deployment_id = {{chosen:UInt64}}, 'the first success at its place or beyond, which brought it', \
                 NOT told.is_successful, 'brought nothing', \
                 told.is_baseline, 'the first success on record, the baseline', \
                 told.change = 'rollback', 'went back', \
                 told.change = 'repeat', 'the commit of before once more', \
                 told.place_reason != '', concat('its place is not known, ', toString(told.place_reason)), \
                 ifNull(told.branch, '') != own_branch, concat('of the branch ', ifNull(told.branch, '')), \
                 ifNull(told.place, 0) < own_place, 'its place is before', \
                 'came later')) AS what, \
             concat('deployments ', toString(told.deployment_id)) AS row, \
             ifNull(toString(deployments.last_event_id), '') AS event \
             FROM (SELECT *, is_successful AND finished_at = min(if(is_successful, finished_at, NULL)) OVER () AS is_baseline, \
                   is_successful AND finished_at = max(if(is_successful AND finished_at < merged, finished_at, NULL)) OVER () AS is_last_before \
                   FROM deployment_metrics WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}} AND {place} AND (is_successful OR is_failed)) AS told \
             LEFT JOIN (SELECT * FROM deployments WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}}) AS deployments ON deployments.id = told.deployment_id \
             WHERE told.is_baseline OR ifNull(told.is_last_before, false) OR told.deployment_id = {{chosen:UInt64}} \
                OR (told.finished_at >= merged AND ({{chosen:UInt64}} = 0 OR told.finished_at <= \
                    (SELECT max(finished_at) FROM deployment_metrics WHERE instance = {{instance:String}} AND project_id = {{project_id:UInt64}} AND deployment_id = {{chosen:UInt64}}))) \
             ORDER BY told.finished_at LIMIT 25"
        );
        let query = self
            .bind(client.query(&sql))
            .param("chosen", lead_time.deployment_id.unwrap_or(0))
            .param("merged_at", lead_time.merged_at);
        query.fetch_all().await.map_err(refused)
    }

    /// Why there is no row.
    async fn not_there(&self, client: &Client) -> anyhow::Result<String> {
        let name = format!("{}!{}", self.args.merge_request.project, self.iid);
        let sql = "SELECT ifNull(toString(state), 'unknown') FROM merge_requests \
                   WHERE instance = {instance:String} AND project_id = {project_id:UInt64} AND iid = {iid:UInt64} LIMIT 1";
        let state: Option<String> = self.bind(client.query(sql)).fetch_optional().await.map_err(refused)?;
        let of_tier = "SELECT DISTINCT ifNull(toString(tier), '') AS tier FROM lead_times \
                       WHERE instance = {instance:String} AND project_id = {project_id:UInt64} AND tier != '' ORDER BY tier LIMIT 5";
        let tiers: Vec<String> = self.bind(client.query(of_tier)).fetch_all().await.map_err(refused)?;
        Ok(match state.as_deref() {
            None => format!("there is no merge request {name} on record"),
            Some("merged") if tiers.is_empty() => {
                format!(
                    "{name} was merged, and its project has no lead times yet: nothing was deployed, or its places are not computed, which `gitpulse processor` does"
                )
            }
            Some("merged") => format!(
                "{name} was merged, and its project never deployed there; it did to: {}",
                tiers.join(", ")
            ),
            Some(state) => format!("{name} is {state}: there is a lead time once it is merged"),
        })
    }
}

/// Seconds as people say them.
#[expect(clippy::cast_precision_loss, reason = "spans of time are far below 2^53 seconds")]
pub(super) fn said(seconds: i64) -> String {
    duration(seconds as f64)
}
