//! The merge requests that a deployment contains. In: the API's list for the deployment. Out: a single value, from which the view makes one row per
//! merge request. Never says which deployment was the first to contain a merge request: another one may be listed later.

use clickhouse::Row;
use schemas::api::deployment::{BroughtMergeRequest, MergeRequests};
use schemas::field::{Embedded, Field};
use serde::{Serialize, Serializer};

use super::version::{Column, Columns, Version};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// A row of `deployment_merge_request_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct DeploymentMergeRequestsRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) deployment_id: u64,
    pub(super) listed: Column<Vec<Brought>>,
    pub(super) last_event_id: Column<EventId>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

/// A merge request of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Brought {
    project_id: u64,
    iid: u64,
    id: Option<u64>,
}

// ClickHouse's tuples have no names.
impl Serialize for Brought {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.project_id, self.iid, self.id).serialize(serializer)
    }
}

/// The list has no time: it counts from its receipt.
pub(super) fn rows(event: &Event, listed: &MergeRequests) -> Rows {
    let Some(deployment_id) = listed.deployment_id.get() else { return Rows::default() };
    let mut unreadable = 0;
    let mut merge_requests = Vec::new();
    for merge_request in listed.merge_requests.value().into_iter().flatten() {
        match brought(event, merge_request) {
            Some(merge_request) => merge_requests.push(merge_request),
            None => unreadable += 1,
        }
    }
    merge_requests.sort_unstable();
    merge_requests.dedup_by_key(|merge_request| (merge_request.project_id, merge_request.iid));
    let columns = Columns::at(Version::new(event.received_at, 0, event.received_at), event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let row = DeploymentMergeRequestsRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        deployment_id,
        listed: columns.always(merge_requests),
        last_event_id: columns.event(EventId(event.id)),
        tenants,
        origins,
        first_received_at: received_at,
    };
    Rows { deployment_merge_requests: vec![row], unreadable, ..Rows::default() }
}

/// A merge request without a number is ignored. Without a project it belongs to the deployment's project.
fn brought(event: &Event, merge_request: &Embedded<BroughtMergeRequest>) -> Option<Brought> {
    let of = |choose: fn(&BroughtMergeRequest) -> &Field<u64>| merge_request.field(choose).get();
    Some(Brought {
        project_id: of(|of| &of.project_id).unwrap_or(event.project_id),
        iid: of(|of| &of.iid)?,
        id: of(|of| &of.id),
    })
}
