//! `gitpulse explain change-failure`. In: a deployment, or an incident. Out: by which definitions the deployment failed, with the rows: incidents,
//! the rollback, the next success, reverts; or the deployment that an incident is blamed on. Reads `deployment_metrics` and `incident_metrics` for
//! the verdict.

use clap::{ArgGroup, Args};
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::chain::{self, Explained, Explanation, Step, in_order};
use super::definitions::Definition;
use super::lead_time::said;
use super::reasons::reason;
use super::thing::{GitLabArgs, Thing, find, issue};
use crate::report::refused;

/// The deployment or incident.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("of").required(true).args(["deployment", "incident"]))]
pub(super) struct ChangeFailureArgs {
    /// Deployment, by its id, which is unique within a GitLab instance
    #[arg(long, value_name = "NUMBER")]
    deployment: Option<u64>,
    /// Incident, as shop/checkout#3, or 42#3 with the id of the project
    #[arg(long, value_name = "PROJECT#NUMBER", value_parser = issue)]
    incident: Option<Thing>,
    #[command(flatten)]
    gitlab: GitLabArgs,
}

#[derive(Row, Deserialize)]
struct Deployment {
    instance: String,
    project_id: u64,
    name: String,
    status: String,
    failed_by_incident: bool,
    failed_by_rollback: bool,
    is_failed: bool,
    failed_by_rework: bool,
    incident_restore_seconds: Option<i64>,
    rollback_recovery_seconds: Option<i64>,
    retry_recovery_seconds: Option<i64>,
}

#[derive(Row, Deserialize)]
struct Incident {
    instance: String,
    project_id: u64,
    restore_seconds: Option<i64>,
    deployment_id: Option<u64>,
    reason: String,
}

/// The chain behind one failure.
pub(super) async fn explain(client: &Client, args: &ChangeFailureArgs) -> anyhow::Result<Explained> {
    match (&args.incident, args.deployment) {
        (Some(incident), _) => of_incident(client, incident).await,
        (None, Some(id)) => of_deployment(client, id, &args.gitlab).await,
        (None, None) => anyhow::bail!("say of what: --deployment NUMBER or --incident PROJECT#NUMBER"),
    }
}

async fn of_deployment(client: &Client, id: u64, gitlab: &GitLabArgs) -> anyhow::Result<Explained> {
    let having = "SELECT DISTINCT toString(instance) AS instance FROM deployments WHERE id = {number:UInt64} ORDER BY instance";
    let instance = gitlab.having(client, "deployment", having, id).await?;
    let sql = "SELECT toString(instance) AS instance, project_id, \
         assumeNotNull(concat('deployment ', toString(deployment_id), ' to ', ifNull(toString(environment), ''))) AS name, ifNull(toString(status), '') AS status, \
         toBool(incidents > 0) AS failed_by_incident, toBool(failed_by_rollback) AS failed_by_rollback, toBool(is_failed) AS is_failed, toBool(failed_by_rework) AS failed_by_rework, \
         toNullable(toInt64(incident_restore_seconds)) AS incident_restore_seconds, toNullable(toInt64(rollback_recovery_seconds)) AS rollback_recovery_seconds, \
         toNullable(toInt64(retry_recovery_seconds)) AS retry_recovery_seconds \
         FROM deployment_metrics WHERE instance = {instance:String} AND deployment_id = {id:UInt64} LIMIT 1";
    let query = client.query(sql).param("id", id).param("instance", instance.unwrap_or_default());
    let row: Option<Deployment> = query.fetch_optional().await.map_err(refused)?;
    let Some(row) = row else {
        return Ok(Explained::NotOnRecord(format!(
            "there is no deployment {id} on record; GitLab shows numbers within a project (iid) in its pages, and this one (id) in its API and in `deployments`"
        )));
    };
    let failed: Vec<(bool, Definition, &str, Option<i64>)> = vec![
        (row.failed_by_incident, Definition::FailedByIncident, "by incident", row.incident_restore_seconds),
        (row.failed_by_rollback, Definition::FailedByRollback, "by rollback", row.rollback_recovery_seconds),
        (row.is_failed, Definition::FailedDeployment, "by its status", row.retry_recovery_seconds),
        (row.failed_by_rework, Definition::Rework, "by rework", None),
    ];
    let mut verdict: Vec<String> = Vec::new();
    for (_, _, how, recovery) in failed.iter().filter(|(failed, ..)| *failed) {
        let until = recovery.map(|seconds| format!(", mended after {}", said(seconds))).unwrap_or_default();
        verdict.push(format!("failed {how}{until}"));
    }
    let definitions = failed.iter().map(|(_, definition, ..)| *definition).collect();
    let steps = steps(client, (&row.instance, row.project_id, id)).await?;
    Ok(Explained::By(Explanation {
        of: format!("Change failure of {}", row.name),
        verdict: match verdict.as_slice() {
            [] => format!("it did not fail ({}), by no definition", row.status),
            verdict => verdict.join("; "),
        },
        steps,
        definitions,
        reason: None,
    }))
}

const OF_PROJECT: &str = "instance = {instance:String} AND project_id = {project_id:UInt64}";

/// The deployment, its incidents, the next deployments to its environment, and what reverts one of its merge requests.
async fn steps(client: &Client, (instance, project_id, id): (&str, u64, u64)) -> anyhow::Result<Vec<Step>> {
    let deployments = format!(
        "WITH (SELECT any(tuple(environment, finished_at)) FROM deployment_metrics WHERE {OF_PROJECT} AND deployment_id = {{id:UInt64}}) AS own, \
         (SELECT min(finished_at) FROM deployment_metrics WHERE {OF_PROJECT} AND environment = own.1 AND is_successful AND finished_at > own.2) AS next \
         SELECT toUnixTimestamp(told.finished_at) AS at, \
         concat('deployment ', toString(told.deployment_id), ' to ', toString(told.environment), ', ', toString(told.status), \
            if(told.deployment_id = {{id:UInt64}}, ': this one', if(told.change = 'rollback', ': the next success, which went back', ': the next success'))) AS what, \
         concat('deployments ', toString(told.deployment_id)) AS row, rows.last_event_id AS event, true AS decides \
         FROM (SELECT * FROM deployment_metrics WHERE {OF_PROJECT} AND (deployment_id = {{id:UInt64}} OR (environment = own.1 AND is_successful AND finished_at = next))) AS told \
         LEFT JOIN (SELECT id, last_event_id FROM deployments WHERE {OF_PROJECT}) AS rows ON rows.id = told.deployment_id"
    );
    let reverts = format!(
        "SELECT toUnixTimestamp(rows.merged_at) AS at, \
         concat('!', toString(told.iid), ' was merged, which reverts !', toString(told.reverted)) AS what, \
         concat('merge_requests !', toString(told.iid)) AS row, rows.last_event_id AS event, true AS decides \
         FROM (SELECT iid, arrayJoin(reverts) AS reverted FROM merge_request_places WHERE {OF_PROJECT} AND notEmpty(reverts)) AS told \
         INNER JOIN (SELECT iid, merged_at, last_event_id FROM merge_requests WHERE {OF_PROJECT}) AS rows ON rows.iid = told.iid \
         WHERE told.reverted IN (SELECT iid FROM lead_times WHERE {OF_PROJECT} AND deployment_id = {{id:UInt64}})"
    );
    let mut steps: Vec<Step> = Vec::new();
    for sql in [deployments, incidents("deployment_id = {id:UInt64}"), reverts] {
        let bind =
            |query: Query| query.param("instance", instance).param("project_id", project_id).param("id", id);
        steps.extend(chain::steps(client, &sql, bind).await?);
    }
    Ok(in_order(steps))
}

/// When incidents of the project were opened and closed.
fn incidents(which: &str) -> String {
    format!(
        "SELECT toUnixTimestamp(moment.1) AS at, moment.2 AS what, concat('issues #', toString(iid)) AS row, event, true AS decides FROM (\
         SELECT told.iid AS iid, rows.last_event_id AS event, \
         arrayJoin([(toNullable(told.created_at), concat('incident #', ifNull(toString(told.iid), ''), ' was opened')), \
                    (told.closed_at, concat('incident #', ifNull(toString(told.iid), ''), ' was closed for the last time'))]) AS moment \
         FROM (SELECT * FROM incident_metrics WHERE {OF_PROJECT} AND {which}) AS told \
         LEFT JOIN (SELECT id, last_event_id FROM issues WHERE {OF_PROJECT}) AS rows ON rows.id = told.issue_id) WHERE moment.1 IS NOT NULL"
    )
}

/// The incident itself, and the deployment that it is blamed on.
async fn steps_of_incident(client: &Client, row: &Incident, iid: u64) -> anyhow::Result<Vec<Step>> {
    let blamed = format!(
        "SELECT toUnixTimestamp(coalesce(finished_at, updated_at, created_at)) AS at, \
         concat('deployment ', toString(id), ' to ', ifNull(environment, ''), ', ', ifNull(status, ''), ': the last success in production before it') AS what, \
         concat('deployments ', toString(id)) AS row, last_event_id AS event, true AS decides \
         FROM deployments WHERE {OF_PROJECT} AND id = {{id:UInt64}}"
    );
    let mut steps: Vec<Step> = Vec::new();
    for sql in [incidents("iid = {iid:UInt64}"), blamed] {
        let bind = |query: Query| {
            let query = query.param("instance", &row.instance).param("project_id", row.project_id);
            query.param("iid", iid).param("id", row.deployment_id.unwrap_or(0))
        };
        steps.extend(chain::steps(client, &sql, bind).await?);
    }
    Ok(in_order(steps))
}

async fn of_incident(client: &Client, incident: &Thing) -> anyhow::Result<Explained> {
    let Thing { project: name, iid } = incident;
    let project = find(client, name).await?;
    let sql = "SELECT toString(instance) AS instance, project_id, toNullable(toInt64(restore_seconds)) AS restore_seconds, \
         toNullable(toUInt64(deployment_id)) AS deployment_id, toString(reason) AS reason \
         FROM incident_metrics WHERE instance = {instance:String} AND project_id = {project_id:UInt64} AND iid = {iid:UInt64} LIMIT 1";
    let query = client.query(sql).param("instance", &project.instance).param("project_id", project.id);
    let row: Option<Incident> = query.param("iid", *iid).fetch_optional().await.map_err(refused)?;
    let Some(row) = row else {
        return Ok(Explained::NotOnRecord(format!(
            "there is no incident {name}#{iid} on record: no issue of that number, or one of another type"
        )));
    };
    let restored = row.restore_seconds.map(|seconds| format!("restored after {}", said(seconds)));
    let restored = restored.unwrap_or_else(|| "not restored yet".to_owned());
    let blamed = match row.deployment_id {
        Some(id) => format!("blamed on deployment {id}"),
        None => "blamed on no deployment".to_owned(),
    };
    let steps = steps_of_incident(client, &row, *iid).await?;
    Ok(Explained::By(Explanation {
        of: format!("Incident {name}#{iid}"),
        verdict: format!("{blamed}, {restored}"),
        steps,
        definitions: vec![Definition::FailedByIncident],
        reason: (!row.reason.is_empty()).then(|| reason(&row.reason)),
    }))
}
