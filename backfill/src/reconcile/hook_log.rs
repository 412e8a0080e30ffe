//! The log of a hook. In: its failed deliveries of the last seven days, newest first, twenty per page. Out: those that never arrived, in Kafka as the
//! hook would have delivered them. Never asks GitLab to resend: it would send the stored body, with addresses blanked and large bodies empty.
//!
//! The log lacks what GitLab did not try to deliver: while a hook was disabled, above a rate limit, a push of more refs than the limit.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use gitlab::{Limit, Page};
use schemas::TopicRecord;
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use schemas::tenant::Tenant;
use serde_json::value::RawValue;

use super::error::ReconcileError;
use super::hooks::{Hook, Owner};
use super::logged::{Delivery, Entry, Logged, Shape};
use super::report::{Findings, What};
use super::run::{Mode, Step};
use super::state::{LogState, OpenLog};
use crate::publish::BackfillPublishError;

/// Entries per page, GitLab's maximum.
const PER_PAGE: &str = "20";
/// Failed deliveries: 4xx; 5xx, and those without an answer.
const FAILED: &str = "client_failure,server_failure";
/// Limit of commits that are read again for one push.
const MAX_COMMITS: usize = 100;
/// Triggers whose content is in lists that are read anyway.
const LISTED_TRIGGERS: [&str; 9] = [
    "push_hooks",
    "tag_push_hooks",
    "merge_request_hooks",
    "issue_hooks",
    "confidential_issue_hooks",
    "note_hooks",
    "confidential_note_hooks",
    "pipeline_hooks",
    "deployment_hooks",
];

/// Reads what is new in the log of a hook. Returns when the oldest delivery was tried whose body GitLab did not keep.
pub(super) async fn read(
    step: &Step<'_>,
    owner: Owner,
    hook: &Hook,
    findings: &mut Findings,
) -> Result<Option<DateTime<Utc>>, ReconcileError> {
    let (place, name) = (owner.place(), format!("hook_log/{}", hook.id));
    let path = format!("{}/{}/events", owner.path(), hook.id);
    let instance = &step.destination.instance;
    // A name that is not valid for a tenant belongs to a path that only looks like ours.
    let tenant =
        Tenant::new(&hook.tenant, Some(instance)).unwrap_or_else(|_| step.destination.tenant.clone());
    let mut state: LogState = step.remembered.of(&place, &name);
    let mut oversize_since = None;
    loop {
        // An interrupted reading is finished first, then newer entries are read.
        let open = state.open;
        let mut reading = open.unwrap_or(OpenLog { newest: 0, page: 1 });
        loop {
            let page = step.asking.list(Limit::General, &path, &query(reading.page)).await?;
            let entries = entries(&path, &page)?;
            if reading.page == 1 {
                reading.newest = entries.iter().map(|entry| entry.id).max().unwrap_or(0);
            }
            let oldest = deal(step, &tenant, &path, &entries, page.read_at, findings).await?;
            oversize_since = [oversize_since, oldest].into_iter().flatten().min();
            // One page more than needed: an entry may have become visible late.
            let is_known = !entries.is_empty() && entries.iter().all(|entry| entry.id <= state.read_to);
            let is_read = page.next.is_none() || is_known;
            reading.page += 1;
            state.open = Some(reading).filter(|_| !is_read);
            if is_read {
                state.read_to = state.read_to.max(reading.newest);
            }
            if step.plan.mode == Mode::Mend {
                step.states.save(&place, &name, &state).await?;
            }
            if is_read {
                break;
            }
        }
        if open.is_none() {
            return Ok(oversize_since);
        }
    }
}

fn query(page: u32) -> [(&'static str, String); 3] {
    [("status", FAILED.to_owned()), ("per_page", PER_PAGE.to_owned()), ("page", page.to_string())]
}

fn entries(path: &str, page: &Page) -> Result<Vec<Entry>, ReconcileError> {
    let entries = page.items.iter().map(|object| serde_json::from_str(object.get()));
    entries
        .collect::<Result<_, _>>()
        .map_err(|source| ReconcileError::Object { path: path.to_owned(), source })
}

/// Publishes the deliveries of a page that never arrived.
async fn deal(
    step: &Step<'_>,
    tenant: &Tenant,
    path: &str,
    entries: &[Entry],
    read_at: DateTime<Utc>,
    findings: &mut Findings,
) -> Result<Option<DateTime<Utc>>, ReconcileError> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    let mut oversize_since: Option<DateTime<Utc>> = None;
    for entry in entries {
        match entry.logged(tenant, read_at) {
            Logged::Delivery(delivery) => deliveries.push(*delivery),
            Logged::Oversize => {
                let tried_at = entry.tried_at().unwrap_or(read_at);
                if LISTED_TRIGGERS.contains(&entry.trigger.text()) {
                    oversize_since = Some(oversize_since.map_or(tried_at, |since| since.min(tried_at)));
                    findings.of(What::Oversize).mended += 1;
                } else {
                    findings.of(What::Oversize).left += 1;
                    findings.note(format!(
                        "{path}: GitLab did not keep entry {} ({}, {tried_at}), which was too large: `gitpulse backfill` reads what it reported",
                        entry.id,
                        entry.trigger.text(),
                    ));
                }
            }
            Logged::Empty => {
                findings.of(What::Deliveries).left += 1;
                findings.note(format!("{path}: entry {} has no body", entry.id));
            }
        }
    }
    let projects: BTreeSet<u64> = deliveries.iter().map(|delivery| delivery.project_id).collect();
    let ids: Vec<uuid::Uuid> = deliveries.iter().map(|delivery| delivery.envelope.id()).collect();
    let kinds: BTreeSet<&str> = deliveries.iter().map(|delivery| delivery.envelope.kind().as_str()).collect();
    let (projects, kinds) = (Vec::from_iter(projects), Vec::from_iter(kinds));
    let arrived = step.stored.arrived(&projects, &kinds, &ids).await?;
    deliveries.retain(|delivery| !arrived.contains(&delivery.envelope.id()));
    let records = deliveries.iter().map(|delivery| delivery.envelope.to_record(&step.destination.prefix));
    let records: Vec<TopicRecord> =
        records.collect::<Result<_, _>>().map_err(BackfillPublishError::Record)?;
    step.publish_records(&records).await?;
    *step.outcome(findings.of(What::Deliveries)) += records.len() as u64;
    for delivery in &deliveries {
        if delivery.shape == Shape::Template {
            findings.note(format!(
                "{path}: delivery {} has a custom template; its content reaches no table but `events`",
                delivery.envelope.delivery_id().unwrap_or("without an id"),
            ));
        }
        addresses(step, delivery, findings).await?;
    }
    Ok(oversize_since)
}

/// Reads the commits of a push again whose authors' addresses were blanked.
async fn addresses(
    step: &Step<'_>,
    delivery: &Delivery,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let Some(commits) = &delivery.blanked_commits else { return Ok(()) };
    if step.plan.mode == Mode::Look {
        findings.of(What::BlankedAddresses).left += 1;
        return Ok(());
    }
    let path = format!("projects/{}/repository/commits", delivery.project_id);
    let count = commits.count.clamp(1, MAX_COMMITS);
    let query = [
        ("ref_name", commits.after.clone()),
        ("per_page", count.to_string()),
        ("with_stats", "true".to_owned()),
    ];
    match step.asking.targeted_list(Limit::General, &path, &query).await {
        Ok(page) => {
            let objects: Vec<&RawValue> = page.items.iter().map(|object| &**object).collect();
            let context = Context::project(delivery.project_id);
            step.publish(Resource::Commit, context, &objects, page.read_at).await?;
            findings.of(What::BlankedAddresses).mended += 1;
            Ok(())
        }
        Err(error) if error.is_hidden() => {
            findings.of(What::BlankedAddresses).gone += 1;
            Ok(())
        }
        Err(ReconcileError::Spent) => {
            findings.of(What::BlankedAddresses).left += 1;
            Ok(())
        }
        Err(error) => Err(error),
    }
}
