//! `gitpulse explain cycle-time`. In: a merge request. Out: the limits of its stages, and the events of its timeline that decided them. Reads
//! `merge_request_metrics` for the numbers and `merge_request_events` for the chain.

use clap::Args;
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use schemas::view::BOT_NAMES;
use serde::Deserialize;

use super::chain::{self, Explained, Explanation, Step, in_order};
use super::definitions::Definition;
use super::lead_time::said;
use super::thing::{Project, Thing, find, merge_request};
use crate::report::{is_bot, refused};

/// The merge request.
#[derive(Debug, Args)]
pub(super) struct CycleTimeArgs {
    /// Merge request, as shop/checkout!7, or 42!7 with the id of the project
    #[arg(long, value_name = "PROJECT!NUMBER", value_parser = merge_request)]
    merge_request: Thing,
}

#[derive(Row, Deserialize)]
struct Cycle {
    state: String,
    /// Coding, pickup, review, merging, and the total.
    stages: Vec<Option<i64>>,
    notes: Vec<String>,
}

const STAGES: [&str; 4] = ["coding", "pickup", "review", "merging"];
const OF_IT: &str = "instance = {instance:String} AND project_id = {project_id:UInt64}";

/// The chain behind one cycle time.
pub(super) async fn explain(client: &Client, args: &CycleTimeArgs) -> anyhow::Result<Explained> {
    let Thing { project: name, iid } = &args.merge_request;
    let project = find(client, name).await?;
    let sql = format!(
        "SELECT ifNull(toString(state), '') AS state, \
         CAST([coding_seconds, pickup_seconds, review_seconds, merge_seconds, cycle_seconds], 'Array(Nullable(Int64))') AS stages, \
         arrayMap(note -> toString(note), notes) AS notes \
         FROM merge_request_metrics WHERE {OF_IT} AND iid = {{iid:UInt64}} LIMIT 1"
    );
    let row: Option<Cycle> =
        bind(client.query(&sql), &project, *iid).fetch_optional().await.map_err(refused)?;
    let Some(row) = row else {
        return Ok(Explained::NotOnRecord(format!("there is no merge request {name}!{iid} on record")));
    };
    let (stages, whole) = (row.stages.get(..4).unwrap_or_default(), row.stages.last().copied().flatten());
    let parts: Vec<String> = STAGES
        .iter()
        .zip(stages)
        .filter_map(|(stage, seconds)| seconds.map(|seconds| format!("{stage} {}", said(seconds))))
        .collect();
    let verdict = match whole {
        Some(seconds) => format!("{}: {}", said(seconds), parts.join(", ")),
        None if parts.is_empty() => format!("none: it is {}", row.state),
        None => format!("none yet, it is {}: {}", row.state, parts.join(", ")),
    };
    let mut steps: Vec<Step> = Vec::new();
    for sql in [moments(), events()] {
        steps.extend(chain::steps(client, &sql, |query| bind(query, &project, *iid)).await?);
    }
    Ok(Explained::By(Explanation {
        of: format!("Cycle time of {name}!{iid}"),
        verdict,
        steps: in_order(steps),
        definitions: vec![Definition::CycleTime],
        reason: marked(&row.notes),
    }))
}

/// What the notes on a merge request mean for its numbers.
fn marked(notes: &[String]) -> Option<(String, String)> {
    let words = |note: &String| match note.as_str() {
        "unreviewed" => {
            "nobody but its author and bots said anything before the merge, so it has no pickup and no review"
                .to_owned()
        }
        "reviewed_in_draft" => "it was reviewed while it was a draft, so its pickup is 0".to_owned(),
        "first_commit_unknown" => {
            "its first commit is not known, so it has no coding and its cycle begins with the opening"
                .to_owned()
        }
        "clock" => "a clock was wrong: what would be less than nothing is 0, and in no median".to_owned(),
        other => other.to_owned(),
    };
    let change = if notes.iter().any(|note| note == "first_commit_unknown") {
        "its commits, which the API lists: `gitpulse backfill`"
    } else {
        "nothing: that is how it was"
    };
    let why: Vec<String> = notes.iter().map(words).collect();
    (!why.is_empty()).then(|| (why.join("; "), change.to_owned()))
}

/// The moments at which stages begin and end.
fn moments() -> String {
    format!(
        "SELECT toUnixTimestamp(moment.1) AS at, moment.2 AS what, \
         if(moment.3 = '', concat('first_commits !', toString(iid)), concat(moment.3, ' !', toString(iid))) AS row, \
         if(moment.3 = 'merge_requests', toString(last_event_id), '') AS event, true AS decides \
         FROM (SELECT metrics.iid AS iid, rows.last_event_id AS last_event_id, arrayJoin([ \
             (first_commit_at, 'first commit was written: coding begins', ''), \
             (if(first_commit_at IS NULL, opened_at, NULL), 'opened: the cycle begins, for nobody told of its first commit', 'merge_requests'), \
             (ready_at, 'ready for review: coding ends, pickup begins', 'merge_request_events'), \
             (first_review_at, concat('first review, by ', if(toUInt64OrZero(ifNull(toString(first_reviewer), '')) > 0, concat('user ', ifNull(toString(first_reviewer), '')), ifNull(toString(first_reviewer), '')), ': pickup ends, review begins'), 'merge_request_events'), \
             (approved_at, 'the approval that stood: review ends', 'merge_request_events'), \
             (metrics.merged_at, 'merged: the cycle ends', 'merge_requests')]) AS moment \
             FROM (SELECT * FROM merge_request_metrics WHERE {OF_IT} AND iid = {{iid:UInt64}}) AS metrics \
             LEFT JOIN (SELECT iid, last_event_id FROM merge_requests WHERE {OF_IT} AND iid = {{iid:UInt64}}) AS rows ON rows.iid = metrics.iid) \
         WHERE moment.1 IS NOT NULL"
    )
}

/// What people did to it until it was merged or closed, from which reviews, rounds and approvals are counted. Comments of its author or of a bot are
/// not a review.
fn events() -> String {
    let is_bot = is_bot();
    format!(
        "SELECT toUnixTimestamp(told.occurred_at) AS at, \
         concat('  ', multiIf(told.action = 'updated', 'pushed', toString(told.action)), ' by ', ifNull(told.actor_username, ifNull(concat('user ', toString(told.actor_id)), 'GitLab'))) AS what, \
         concat('merge_request_events of !', toString(told.merge_request_iid)) AS row, '' AS event, false AS decides \
         FROM (SELECT * FROM merge_request_events WHERE {OF_IT} AND merge_request_iid = {{iid:UInt64}} AND occurred_at IS NOT NULL \
               AND (action IN ('approved', 'unapproved', 'commented', 'reviewed', 'changes_requested', 'ready', 'drafted', 'review_requested', 'closed', 'reopened') \
                    OR (action = 'updated' AND oldrev IS NOT NULL))) AS told \
         LEFT JOIN (SELECT iid, author_id, ifNull(merged_at, closed_at) AS ended_at FROM merge_request_metrics WHERE {OF_IT} AND iid = {{iid:UInt64}}) AS metrics ON metrics.iid = told.merge_request_iid \
         WHERE (metrics.ended_at IS NULL OR toDateTime(told.occurred_at, 'UTC') <= metrics.ended_at) \
           AND (told.action NOT IN ('commented', 'reviewed', 'approved', 'changes_requested') \
                OR (ifNull(told.actor_id, 0) != ifNull(metrics.author_id, 0) \
                    AND ifNull(told.actor_id, 0) NOT IN (SELECT user_id FROM users WHERE instance = {{instance:String}} AND {is_bot}) \
                    AND NOT match(ifNull(told.actor_username, ''), '{BOT_NAMES}'))) \
         ORDER BY told.occurred_at"
    )
}

fn bind(query: Query, project: &Project, iid: u64) -> Query {
    query.param("instance", &project.instance).param("project_id", project.id).param("iid", iid)
}
