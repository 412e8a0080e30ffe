//! The whole run. In: projects and groups. Out: what was read, skipped and failed. Lists are read alternately: the one that was read least comes
//! first, and lists with one request per thing come when all others are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use runtime::fault::chain;
use schemas::api::subject;

use crate::checkpoint::{CheckpointError, Counted, Origin, Outcome, Progress, Saved};
use crate::graphql;
use crate::list::List;
use crate::queue::{Queue, Waiting};
use crate::scope::{Owner, Scope};
use crate::share::{Bounds, Lease, Share, ShareError};
use crate::state::State;
use crate::walk::{Goal, Walk, WalkError};

/// Lists that are read at the same time: enough to use a budget of ten requests per second if each answer takes a second.
const AT_A_TIME: usize = 12;

/// Runs that began within this time read the same span.
const TOGETHER: TimeDelta = TimeDelta::minutes(15);

/// The result of a list.
#[derive(Debug)]
pub struct Ended {
    /// The project or group.
    pub owner: Arc<Owner>,
    /// The list.
    pub list: List,
    /// Counters of this run.
    pub counted: Counted,
    /// Why it was not read to its end; `None` if it was.
    pub error: Option<WalkError>,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Every list, in the order in which they ended.
    pub lists: Vec<Ended>,
    /// Whether GraphQL was used.
    pub by_graphql: bool,
    /// Requests besides those of these lists: to find projects, and for lists that another run took over.
    pub other_requests: u64,
    /// Objects of lists that another run took over.
    pub other_objects: u64,
    /// Lists that were skipped because nothing has changed since they were read.
    pub unchanged: usize,
    /// Lists that another run has read meanwhile.
    pub read_by_others: usize,
    /// Projects and groups that another run was still reading when this one was stopped.
    pub left_to_others: usize,
}

impl Ended {
    /// Its outcome.
    pub fn outcome(&self) -> Outcome {
        self.error.as_ref().map_or(Outcome::Complete, WalkError::outcome)
    }
}

impl Summary {
    /// How many lists have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lists.iter().filter(|ended| ended.outcome() == outcome).count()
    }

    /// All requests and objects of the run.
    pub fn counted(&self) -> Counted {
        let sum = |of: fn(&Counted) -> u64| self.lists.iter().map(|ended| of(&ended.counted)).sum::<u64>();
        Counted {
            requests: sum(|counted| counted.requests) + self.other_requests,
            objects: sum(|counted| counted.objects) + self.other_objects,
        }
    }
}

/// Why a run could not continue.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Checkpoints cannot be read or saved: without them each run would begin at the beginning.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Kafka no longer tells which projects belong to this run.
    #[error(transparent)]
    Share(#[from] ShareError),
}

/// A project or group that this run reads.
struct Open {
    owner: Arc<Owner>,
    /// Dropped when nothing of it is being read any more.
    _lease: Lease,
    bounds: Bounds,
    /// Its lists that have not ended.
    left: usize,
}

/// The state of a run.
struct Run<'w> {
    walk: &'w Walk,
    lists: &'w [List],
    goal: Goal,
    share: &'w Share,
    /// When it began, by ClickHouse's clock, which dates checkpoints.
    began_at: DateTime<Utc>,
    /// Projects and groups that do not belong to this run, or not yet.
    closed: BTreeMap<subject::Owner, Arc<Owner>>,
    open: BTreeMap<subject::Owner, Open>,
    queue: Queue,
    /// Lists that have ended: a project that comes back from another run does not get them again.
    settled: BTreeSet<(subject::Owner, List)>,
    summary: Summary,
}

impl Walk {
    /// Reads lists of projects and groups, together with all other runs that read the same GitLab. What was read before is not read again, and what
    /// another run is reading is left to that run; the run ends when everything is read.
    ///
    /// # Errors
    /// ClickHouse or Kafka do not answer any more. Progress is saved.
    pub async fn run(
        &self,
        scope: Scope,
        lists: &[List],
        goal: Goal,
        share: &Share,
    ) -> Result<Summary, RunError> {
        let other_requests = scope.requests + u64::from(self.probe(&scope).await);
        let owners = scope.groups.into_values().chain(scope.projects.into_values());
        let mut run = Run {
            walk: self,
            lists,
            goal,
            share,
            began_at: self.checkpoints.now().await?,
            closed: owners.map(|owner| (owner.subject(), Arc::new(owner))).collect(),
            open: BTreeMap::new(),
            queue: Queue::default(),
            settled: BTreeSet::new(),
            summary: Summary { other_requests, ..Summary::default() },
        };
        for owner in run.closed.values() {
            let own = lists.iter().copied().filter(|list| list.is_of_group() == owner.is_group);
            own.for_each(|list| self.live.list(list));
        }
        let mut changes = share.changes();
        let mut turns = FuturesUnordered::new();
        loop {
            run.open_what_is_held().await?;
            run.close_what_is_ending();
            self.client.divide_among(share.alike());
            while turns.len() < AT_A_TIME
                && let Some(next) = run.queue.take_next()
            {
                turns.push(self.bounded_turn(next, &goal));
            }
            if turns.is_empty() && (run.closed.is_empty() || self.shutdown.is_cancelled()) {
                break;
            }
            tokio::select! {
                Some((next, is_more)) = turns.next() => run.had_turn(next, is_more).await?,
                changed = changes.next() => changed?,
                () = self.shutdown.cancelled(), if turns.is_empty() => (),
            }
        }
        run.summary.left_to_others = run.closed.len();
        run.summary.by_graphql = self.face.has_graphql();
        Ok(run.summary)
    }

    /// Reads some pages of a list; stops at once if another run may be reading it.
    async fn bounded_turn(&self, mut next: Waiting, goal: &Goal) -> (Waiting, Result<bool, WalkError>) {
        let Bounds { ending, lost } = next.bounds.clone();
        let turn = self.turn(&next.owner, &mut next.progress, goal, &ending);
        let is_more = lost.run_until_cancelled(turn).await.unwrap_or(Err(WalkError::Stopped));
        (next, is_more)
    }

    /// Finds out whether this GitLab knows the GraphQL queries of lists; returns how many requests it took.
    async fn probe(&self, scope: &Scope) -> u32 {
        let Some(project) = scope.projects.values().next() else { return 0 };
        let variables = serde_json::json!({"path": project.path});
        if let Err(error) = self.client.graphql(&graphql::probe(), variables).await {
            // Any other fault will show in the queries themselves.
            if error.is_unknown_field() || error.is_absent() || error.is_forbidden() {
                tracing::info!(reason = %error, "GraphQL lacks fields that are needed: REST is used instead, with more requests");
                self.face.without_graphql();
            }
        }
        1
    }
}

impl Run<'_> {
    /// Opens what Kafka has assigned to this run, unless it is read already.
    async fn open_what_is_held(&mut self) -> Result<(), RunError> {
        let mut opened = Vec::new();
        for (key, owner) in &self.closed {
            if let Some(lease) = self.share.lease(*key) {
                let bounds = lease.bounds();
                opened.push(Open { owner: owner.clone(), _lease: lease, bounds, left: 0 });
            }
        }
        if opened.is_empty() {
            return Ok(());
        }
        let ids: Vec<u64> = opened.iter().map(|open| open.owner.id).collect();
        let mut known = self.walk.checkpoints.load(&ids).await?;
        let mut unbelieved = 0;
        for mut open in opened {
            let owner = open.owner.clone();
            let key = owner.subject();
            self.closed.remove(&key);
            for list in self.lists.iter().copied().filter(|list| list.is_of_group() == owner.is_group) {
                let saved = known.remove(&(owner.id, list));
                let is_believed = |saved: &Saved| !saved.state.is_of_the_future(self.goal.now);
                unbelieved += u32::from(saved.as_ref().is_some_and(|saved| !is_believed(saved)));
                let saved = saved.filter(is_believed);
                if self.settled.contains(&(key, list)) {
                    continue;
                }
                // Another run has read it while this one waited.
                if let Some(Saved { state, completed_at: Some(at) }) = &saved
                    && *at >= self.began_at
                    && state.reaches(self.goal.since)
                    && state.read_until().is_some_and(|until| until + TOGETHER >= self.goal.until)
                {
                    self.walk.live.ended(list);
                    self.summary.read_by_others += 1;
                    self.settled.insert((key, list));
                    continue;
                }
                let state = saved.map_or_else(|| State::new(list), |saved| saved.state);
                if state.is_fresh(list, owner.last_activity_at, self.goal.now)
                    && state.reaches(self.goal.since)
                {
                    self.walk.live.ended(list);
                    self.summary.unchanged += 1;
                    self.settled.insert((key, list));
                    continue;
                }
                let progress = Progress {
                    owner_id: owner.id,
                    list,
                    state,
                    origin: Origin::Kept,
                    counted: Counted::default(),
                };
                self.queue.add(owner.clone(), progress, open.bounds.clone());
                open.left += 1;
            }
            match open.left {
                0 => self.share.finish(key),
                _ => drop(self.open.insert(key, open)),
            }
        }
        if unbelieved > 0 {
            tracing::warn!(
                lists = unbelieved,
                "checkpoints lie in the future, by GitLab's clock; their lists are read from the beginning"
            );
        }
        Ok(())
    }

    /// Releases what another run is to read. Lists that are being read return by themselves.
    fn close_what_is_ending(&mut self) {
        let ending = self.open.iter().filter(|(_, open)| open.bounds.ending.is_cancelled());
        let ending: Vec<subject::Owner> = ending.map(|(key, _)| *key).collect();
        for key in ending {
            let removed = self.queue.remove(key);
            self.left(key, removed);
        }
    }

    /// Records that this many lists of a project need not be read any more.
    fn left(&mut self, key: subject::Owner, count: usize) {
        let Some(open) = self.open.get_mut(&key) else { return };
        open.left = open.left.saturating_sub(count);
        if open.left > 0 {
            return;
        }
        if let Some(open) = self.open.remove(&key) {
            self.walk.pending.forget(open.owner.id);
            match open.bounds.ending.is_cancelled() {
                true => drop(self.closed.insert(key, open.owner)),
                false => self.share.finish(key),
            }
        }
    }

    async fn had_turn(&mut self, next: Waiting, is_more: Result<bool, WalkError>) -> Result<(), RunError> {
        let error = match is_more {
            Ok(true) => {
                self.queue.again(next);
                return Ok(());
            }
            Ok(false) => None,
            Err(error) => Some(error),
        };
        let Waiting { owner, progress, bounds, .. } = next;
        let key = owner.subject();
        if matches!(error, Some(WalkError::Stopped)) && bounds.ending.is_cancelled() {
            self.summary.other_requests += progress.counted.requests;
            self.summary.other_objects += progress.counted.objects;
        } else {
            self.queue.ended(key, progress.list);
            self.settled.insert((key, progress.list));
            let ended = Ended { owner, list: progress.list, counted: progress.counted, error };
            if let Some(error) = ended.error.as_ref().filter(|error| error.outcome() != Outcome::Reading) {
                self.walk.checkpoints.save(&progress, error.outcome(), &chain(error)).await?;
            }
            self.walk.live.ended(ended.list);
            self.summary.lists.push(ended);
        }
        self.left(key, 1);
        Ok(())
    }
}
