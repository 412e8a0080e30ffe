//! What is asked about one by one. In: the newest pending things of a list. Out: what GitLab tells of each.

use futures_util::{StreamExt, stream};
use gitlab::FetchError;
use schemas::api::resource::Resource;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{Batch, Goal, Walk, WalkError, read};
use crate::checkpoint::Progress;
use crate::list::List;
use crate::pending::Part;
use crate::publish::Item;
use crate::state::State;

/// Things that are taken at once.
const AT_ONCE: u64 = 40;
/// Of which so many are asked about at the same time.
const SIDE_BY_SIDE: usize = 4;

/// The commits of a merge request.
#[derive(Serialize)]
struct MergeRequestCommits<'o> {
    merge_request_iid: u64,
    head_sha: &'o str,
    commits: &'o [Box<RawValue>],
}

/// The merge requests of a deployment.
#[derive(Serialize)]
struct DeploymentMergeRequests {
    deployment_id: u64,
    merge_requests: Vec<MergeRequestId>,
}

/// A merge request, by what identifies it.
#[derive(Serialize, Deserialize)]
struct MergeRequestId {
    id: u64,
    iid: u64,
    project_id: u64,
}

impl Walk {
    pub(super) async fn each(&self, progress: &mut Progress, goal: &Goal) -> Result<bool, WalkError> {
        let (list, owner_id) = (progress.list, progress.owner_id);
        let parts = self.pending.newest(owner_id, list, AT_ONCE).await?;
        if parts.is_empty() {
            progress.state = State::Each(Some(goal.now));
            return Ok(false);
        }
        let asked = stream::iter(parts).map(|part| async move {
            if self.shutdown.is_cancelled() {
                return Err(WalkError::Stopped);
            }
            let mut own = Progress { counted: Default::default(), ..progress_of(owner_id, list) };
            match self.part(&mut own, &part).await {
                // It is gone, or not for this token: it is not asked about again before it changes.
                Ok(()) => (),
                Err(WalkError::Fetch(error)) if error.is_absent() => (),
                Err(error) => return Err(error),
            }
            self.pending.done(owner_id, vec![part]).await?;
            Ok(own.counted)
        });
        let mut asked = asked.buffer_unordered(SIDE_BY_SIDE);
        while let Some(counted) = asked.next().await {
            let counted = counted?;
            progress.counted.requests += counted.requests;
            progress.counted.objects += counted.objects;
        }
        Ok(true)
    }

    /// Asks about one.
    async fn part(&self, progress: &mut Progress, part: &Part) -> Result<(), WalkError> {
        let (list, owner_id) = (progress.list, progress.owner_id);
        let context = list.context(owner_id);
        let path = list.path(owner_id, part.id);
        if list == List::PipelineDetails {
            let read_at = clock();
            let object = self.client.object(list.limit(), &path, &[]).await?;
            self.asked(progress);
            let items = vec![Item { resource: Resource::Pipeline, context, object }];
            return self.keep(progress, Batch { items, parts: Vec::new(), read_at }).await;
        }
        let mut page = match self.client.list(list.limit(), &path, &list.query()).await {
            // So it was called before GitLab 19.2.
            Err(FetchError::Absent { .. }) if list == List::TriggerJobs => {
                self.asked(progress);
                let path = path.replace("/trigger_jobs", "/bridges");
                self.client.list(list.limit(), &path, &list.query()).await?
            }
            page => page?,
        };
        self.asked(progress);
        let read_at = page.read_at;
        let mut objects = std::mem::take(&mut page.items);
        while let Some(next) = &page.next {
            page = self.client.next(next).await?;
            self.asked(progress);
            objects.append(&mut page.items);
        }
        let object = match list {
            List::MergeRequestCommits => Some(to_raw_value(&MergeRequestCommits {
                merge_request_iid: part.id,
                head_sha: &part.version,
                commits: &objects,
            })),
            List::DeploymentMergeRequests => {
                let merge_requests = read(&path, &objects)?;
                Some(to_raw_value(&DeploymentMergeRequests { deployment_id: part.id, merge_requests }))
            }
            _ => None,
        };
        let object = object.transpose().map_err(|source| WalkError::Object { path, source })?;
        let objects = object.map_or(objects, |object| vec![object]);
        let item = |object| Item { resource: list.resource(), context, object };
        let items = objects.into_iter().map(item).collect();
        self.keep(progress, Batch { items, parts: Vec::new(), read_at }).await
    }
}

fn progress_of(owner_id: u64, list: List) -> Progress {
    Progress { owner_id, list, state: State::new(list), counted: Default::default() }
}

#[expect(clippy::disallowed_methods, reason = "the edge: when an object was read")]
fn clock() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
