//! Lists with one request per thing. In: the newest pending things of a list. Out: GitLab's objects for each.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use gitlab::FetchError;
use schemas::api::resource::Resource;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio_util::sync::CancellationToken;

use super::{Batch, Goal, Walk, WalkError, read};
use crate::checkpoint::{Origin, Progress};
use crate::list::List;
use crate::pending::Part;
use crate::publish::Item;
use crate::state::State;

/// Things that are taken at once.
const AT_ONCE: u64 = 40;
/// How many of them are requested at the same time.
const SIDE_BY_SIDE: usize = 4;
/// Limit of pages per thing: offsets end at 50,000 rows
/// (<https://docs.gitlab.com/administration/instance_limits/#max-offset-allowed-by-the-rest-api-for-offset-based-pagination>).
const MOST_PAGES: u32 = 500;

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

/// A merge request, by its key.
#[derive(Serialize, Deserialize)]
struct MergeRequestId {
    id: u64,
    iid: u64,
    project_id: u64,
}

impl Walk {
    pub(super) async fn each(
        &self,
        progress: &mut Progress,
        goal: &Goal,
        ending: &CancellationToken,
    ) -> Result<bool, WalkError> {
        let (list, owner_id) = (progress.list, progress.owner_id);
        let given_up = self.given_up.ids(owner_id, list);
        let parts = self.pending.newest(owner_id, list, &given_up, AT_ONCE).await?;
        if parts.is_empty() {
            if let Some(error) = self.given_up.end(owner_id, list) {
                return Err(error);
            }
            progress.state = State::Each(Some(goal.now));
            return Ok(false);
        }
        let is_over = &AtomicBool::new(false);
        let asked = stream::iter(parts).map(|part| async move {
            if self.shutdown.is_cancelled() || ending.is_cancelled() || is_over.load(Ordering::Relaxed) {
                return Err(WalkError::Stopped);
            }
            let mut own = Progress { counted: Default::default(), ..progress_of(owner_id, list) };
            match self.part(&mut own, &part).await {
                // It is gone, or not shown to this token: it is not requested again before it changes.
                Ok(()) => (),
                Err(WalkError::Fetch(error)) if error.is_absent() => (),
                // The others do not have to wait for it.
                Err(error) if error.is_of_one_thing() => {
                    self.given_up.add(owner_id, list, part.id, error)?;
                    return Ok(own.counted);
                }
                Err(error) => return Err(error),
            }
            self.pending.done(owner_id, vec![part]).await?;
            Ok(own.counted)
        });
        let mut asked = asked.buffer_unordered(SIDE_BY_SIDE);
        let mut failed = None;
        while let Some(counted) = asked.next().await {
            match counted {
                Ok(counted) => {
                    progress.counted.requests += counted.requests;
                    progress.counted.objects += counted.objects;
                }
                // Those under way are finished: their requests count already.
                Err(error) => failed = failed.or(Some(error)),
            }
            if failed.is_some() {
                is_over.store(true, Ordering::Relaxed);
            }
        }
        failed.map_or(Ok(true), Err)
    }

    /// Requests one thing.
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
        let bridges = path.replace("/trigger_jobs", "/bridges");
        let is_of_triggers = list == List::TriggerJobs;
        let asked = if is_of_triggers && self.face.has_bridges() { &bridges } else { &path };
        let page = self.client.list(list.limit(), asked, &list.query()).await;
        self.asked(progress);
        let mut page = match page {
            // Its name before GitLab 19.2.
            Err(FetchError::Absent { .. }) if is_of_triggers && asked == &path => {
                let page = self.client.list(list.limit(), &bridges, &list.query()).await;
                self.asked(progress);
                if page.is_ok() {
                    self.face.with_bridges();
                }
                page?
            }
            page => page?,
        };
        let read_at = page.read_at;
        let mut objects = std::mem::take(&mut page.items);
        let mut pages = 1;
        while let Some(next) = &page.next {
            if pages >= MOST_PAGES {
                return Err(FetchError::Endless { what: "one thing has more than 500 pages" }.into());
            }
            pages += 1;
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
    Progress { owner_id, list, state: State::new(list), origin: Origin::Own, counted: Default::default() }
}

#[expect(clippy::disallowed_methods, reason = "the edge: when an object was read")]
fn clock() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
