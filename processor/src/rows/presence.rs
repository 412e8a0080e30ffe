//! Rows from a complete listing: a thing is gone, or has reappeared. In: an object that says so. Out: one row of the thing that says nothing else.
//! Never outranks another fact of the same second: what is visible then exists.

use schemas::api::presence::{Presence, Shown};
use schemas::api::resource::Resource;
use schemas::field::Field;
use schemas::time::clamp_to_receipt;

use super::deployment::DeploymentRow;
use super::environment::EnvironmentRow;
use super::issue::IssueRow;
use super::member::MemberRow;
use super::merge_request::MergeRequestRow;
use super::milestone::MilestoneRow;
use super::note::NoteRow;
use super::pipeline::PipelineRow;
use super::push::RefHeadRow;
use super::release::ReleaseRow;
use super::version::{Columns, Version};
use super::{EventId, Provenance, Rows};
use crate::decode::Event;

/// GitLab's value for a ref that does not exist.
const NOWHERE: &str = "0000000000000000000000000000000000000000";

pub(super) fn rows(event: &Event, presence: &Presence) -> Rows {
    let (Some(resource), Some(shown)) = (presence.resource(), presence.shown()) else {
        return Rows::default();
    };
    let as_of = match shown {
        Shown::AbsentSince(time) | Shown::ListedAt(time) => clamp_to_receipt(time, event.received_at),
    };
    let version = Version::new(as_of, 0, event.received_at);
    let version = match resource {
        Resource::Pipeline => version.with_progress(0),
        _ => version,
    };
    let mut columns = Columns::at(version, event.received_at);
    let deleted_at = columns.time(&match shown {
        Shown::AbsentSince(_) => Field::Value(as_of),
        Shown::ListedAt(_) => Field::Null,
    });
    let last_event_id = columns.event(EventId(event.id));
    let Provenance { tenants, origins, received_at: first_received_at } = Provenance::of(event);
    let (instance, project_id) = (event.instance.clone(), event.project_id);
    let mut rows = Rows { as_of: Some(as_of), ..Rows::default() };
    /// A row with these fields that only says whether the thing exists.
    macro_rules! row {
        ($row:ident { $($field:ident $(: $value:expr)?),* }) => {
            $row {
                instance, project_id, deleted_at, last_event_id, tenants, origins, first_received_at,
                $($field $(: $value)?,)*
                ..$row::default()
            }
        };
    }
    match (resource, presence.id.get(), presence.iid.get()) {
        (Resource::MergeRequest, _, Some(iid)) => rows.merge_requests.push(row!(MergeRequestRow { iid })),
        (Resource::Issue, Some(id), _) => rows.issues.push(row!(IssueRow { id })),
        (Resource::Note, Some(id), _) => rows.notes.push(row!(NoteRow { id })),
        (Resource::Pipeline, Some(id), _) => rows.pipelines.push(row!(PipelineRow { id })),
        (Resource::Deployment, Some(id), _) => rows.deployments.push(row!(DeploymentRow { id })),
        (Resource::Environment, Some(id), _) => rows.environments.push(row!(EnvironmentRow { id })),
        (Resource::Milestone, Some(id), _) => rows.milestones.push(row!(MilestoneRow { id })),
        (Resource::Member, Some(user_id), _) => {
            let group_id = if project_id > 0 { 0 } else { event.group_id() };
            rows.members.push(row!(MemberRow { user_id, group_id }));
        }
        (Resource::Release, _, _) => {
            let tag = presence.tag_name.text().to_owned();
            rows.releases.push(row!(ReleaseRow { tag }));
        }
        (Resource::Branch | Resource::Tag, _, _) => {
            let folder = if resource == Resource::Tag { "refs/tags/" } else { "refs/heads/" };
            rows.ref_heads.push(RefHeadRow {
                instance,
                project_id,
                tenants,
                ref_name: format!("{folder}{}", presence.name.text()),
                sha: columns.value(&Field::Value(NOWHERE.to_owned())),
                commit_sha: columns.value(&Field::Null),
                // Earlier pushes no longer count, as after any listing.
                seen_at: as_of.timestamp_millis(),
                first_seen_at: as_of.timestamp_millis(),
                ..RefHeadRow::default()
            });
        }
        (_, _, _) => (),
    }
    rows
}
