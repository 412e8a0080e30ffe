//! Rows of a deployment. In: one of its events, or the deployment from the API. Out: a row about the deployment, the status that it reached, and
//! who approved or rejected it.

use chrono::{DateTime, SubsecRound, Utc};
use clickhouse::Row;
use schemas::Origin;
use schemas::event::User;
use schemas::event::deployment::{Approval, Deployment};
use schemas::field::Field;
use serde::Serialize;

use super::people::actor;
use super::version::{Column, Columns, Version, Versioned};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `deployment_facts`.
#[derive(Debug, Clone, Default, Row, Serialize)]
pub struct DeploymentRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) id: u64,
    pub(super) iid: Versioned<u64>,
    pub(super) project_path: Versioned<String>,
    pub(super) status: Versioned<String>,
    pub(super) environment: Versioned<String>,
    pub(super) environment_id: Versioned<u64>,
    pub(super) environment_tier: Versioned<String>,
    pub(super) environment_slug: Versioned<String>,
    pub(super) environment_url: Versioned<String>,
    #[serde(rename = "ref")]
    pub(super) ref_name: Versioned<String>,
    pub(super) tag: Versioned<bool>,
    pub(super) sha: Versioned<String>,
    pub(super) short_sha: Versioned<String>,
    pub(super) commit_title: Versioned<String>,
    pub(super) job_id: Versioned<u64>,
    pub(super) pipeline_id: Versioned<u64>,
    pub(super) user_id: Versioned<u64>,
    pub(super) user_username: Versioned<String>,
    pub(super) created_at: Versioned<i64>,
    pub(super) updated_at: Versioned<i64>,
    pub(super) finished_at: Versioned<i64>,
    pub(super) deleted_at: Versioned<i64>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// A row of `deployment_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct DeploymentEventRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) deployment_id: u64,
    pub(super) status: String,
    pub(super) actor: String,
    pub(super) occurred_at: Versioned<i64>,
    pub(super) actor_id: Versioned<u64>,
    pub(super) actor_username: Versioned<String>,
    pub(super) comment: Versioned<String>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, deployment: &Deployment) -> Rows {
    let mut rows = Rows::default();
    let Some(id) = deployment.deployment_id.get() else {
        return rows;
    };
    let times = [&deployment.status_changed_at, &deployment.job_finished_at, &deployment.created_at];
    rows.as_of = deployment.updated_at.get().or(times.into_iter().filter_map(Field::get).max());
    let (row, unreadable) = state(event, deployment, id, rows.as_of);
    rows.deployments.push(row);
    rows.unreadable += unreadable;

    let mut happened = Vec::new();
    match deployment.status.text() {
        "" => (),
        status if is_decision(status) => {
            let (user, decision) = (deployment.approver.get(), deployment.approval.get());
            happened.push(decided(event, id, status, user, decision, &deployment.status_changed_at));
        }
        status => happened.push(reached(event, deployment, id, status)),
    }
    for approval in deployment.approvals.value().into_iter().flatten() {
        match approval.get() {
            Some(approval) if is_decision(approval.status.text()) => {
                let (status, user) = (approval.status.text(), approval.user.get());
                happened.push(decided(event, id, status, user, Some(approval), &Field::Absent));
            }
            Some(_) => (),
            None => rows.unreadable += 1,
        }
    }
    for (row, unreadable) in happened {
        rows.deployment_events.push(row);
        rows.unreadable += unreadable;
    }
    rows
}

/// Whether it is somebody's decision about a deployment, which does not change its status.
fn is_decision(status: &str) -> bool {
    matches!(status, "approved" | "rejected")
}

/// The order of statuses within one second, as GitLab goes through them.
fn rank(status: &str) -> u8 {
    match status {
        "created" => 1,
        "blocked" => 2,
        "running" => 3,
        "success" | "failed" | "canceled" | "skipped" => 4,
        _ => 0,
    }
}

/// The current state of the deployment as given by the event, and the number of unreadable fields.
fn state(
    event: &Event,
    deployment: &Deployment,
    id: u64,
    as_of: Option<DateTime<Utc>>,
) -> (DeploymentRow, u64) {
    let version = Version::told(as_of, rank(deployment.status.text()), event.received_at);
    let mut columns = Columns::at(version, event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let status = match deployment.status.text() {
        status if is_decision(status) => Field::Absent,
        _ => deployment.status.clone(),
    };
    let row = DeploymentRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        id,
        iid: columns.value(&deployment.iid),
        project_path: columns.text(&event.project_path),
        status: columns.value(&status),
        environment: columns.value(&deployment.environment),
        environment_id: columns.value(&deployment.environment_id),
        environment_tier: columns.value(&deployment.environment_tier),
        environment_slug: columns.value(&deployment.environment_slug),
        environment_url: columns.value(&deployment.environment_external_url),
        ref_name: columns.value(&deployment.ref_name),
        tag: columns.value(&deployment.tag),
        sha: columns.value(&deployment.full_sha()),
        short_sha: columns.value(&deployment.short_sha),
        commit_title: columns.value(&deployment.commit_title),
        job_id: columns.value(&deployment.deployable_id),
        pipeline_id: columns.value(&deployment.pipeline_id),
        user_id: columns.value(&deployment.user.field(|user| &user.id)),
        user_username: columns.value(&deployment.user.field(|user| &user.username)),
        created_at: columns.immutable_time(&deployment.created_at),
        updated_at: columns.time(&deployment.updated_at),
        // Readability is counted with the status event.
        finished_at: Columns::at(certainty(event), event.received_at)
            .immutable_time_at(certainty(event), &whole(&finished_at(event, deployment))),
        // Whoever reports it says that it exists.
        deleted_at: columns.value(&Field::Null),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    (row, columns.unreadable)
}

/// Only a webhook says when a status was reached.
fn certainty(event: &Event) -> Version {
    match event.origin {
        Origin::Webhook | Origin::HookLog => Version::EXACT,
        Origin::Api => Version::DERIVED,
    }
}

/// When it finished. A webhook has the time of the status. The API has the end of the job, which comes a moment earlier, or, for a deployment
/// without a job, the last change, which may come any time later.
fn finished_at(event: &Event, deployment: &Deployment) -> Field<DateTime<Utc>> {
    match (deployment.status.text(), event.origin) {
        ("success" | "failed" | "canceled", Origin::Api) => match &deployment.job_finished_at {
            Field::Value(_) => deployment.job_finished_at.clone(),
            Field::Absent | Field::Null | Field::Unreadable => deployment.updated_at.clone(),
        },
        ("success" | "failed" | "canceled", Origin::Webhook | Origin::HookLog) => {
            deployment.status_changed_at.clone()
        }
        (_, _) => Field::Absent,
    }
}

/// A time in whole seconds, the common precision of webhooks and the API.
fn whole(time: &Field<DateTime<Utc>>) -> Field<DateTime<Utc>> {
    time.as_ref().map(|time| time.trunc_subsecs(0))
}

/// A status that it reached. A webhook says when; the API only says when the deployment was created and last changed.
fn reached(event: &Event, deployment: &Deployment, id: u64, status: &str) -> (DeploymentEventRow, u64) {
    let (version, time) = match (event.origin, status) {
        (Origin::Webhook | Origin::HookLog, _) => (Version::EXACT, deployment.status_changed_at.clone()),
        (Origin::Api, "created") => (Version::EXACT, deployment.created_at.clone()),
        (Origin::Api, _) => {
            (Version::DERIVED, finished_at(event, deployment).or(deployment.updated_at.clone()))
        }
    };
    let mut columns = Columns::at(version, event.received_at);
    let occurred_at = columns.immutable_time_at(version, &whole(&time));
    let row = DeploymentEventRow { occurred_at, ..event_row(event, id, status) };
    (row, columns.unreadable)
}

/// Somebody's decision. Webhooks and the API say when; in an old webhook the time of the status is used.
fn decided(
    event: &Event,
    id: u64,
    status: &str,
    user: Option<&User>,
    approval: Option<&Approval>,
    status_changed_at: &Field<DateTime<Utc>>,
) -> (DeploymentEventRow, u64) {
    let (version, time) = match approval.map(|approval| &approval.created_at) {
        Some(decided_at @ Field::Value(_)) => (Version::EXACT, decided_at),
        Some(_) | None => (Version::DERIVED, status_changed_at),
    };
    let mut columns = Columns::at(version, event.received_at);
    let row = DeploymentEventRow {
        actor: actor(user),
        occurred_at: columns.immutable_time_at(version, &whole(time)),
        actor_id: user.map_or_else(Columns::absent, |user| columns.value(&user.id)),
        actor_username: user.map_or_else(Columns::absent, |user| columns.value(&user.username)),
        comment: approval.map_or_else(Columns::absent, |approval| columns.value(&approval.comment)),
        ..event_row(event, id, status)
    };
    (row, columns.unreadable)
}

fn event_row(event: &Event, deployment_id: u64, status: &str) -> DeploymentEventRow {
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    DeploymentEventRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        deployment_id,
        status: status.to_owned(),
        actor: String::new(),
        occurred_at: Columns::absent(),
        actor_id: Columns::absent(),
        actor_username: Columns::absent(),
        comment: Columns::absent(),
        tenants,
        origins,
        first_received_at: received_at,
    }
}
