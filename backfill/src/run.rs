//! The whole run. In: projects and groups. Out: what was read, skipped and failed. Lists have turns: that of which least was read comes first, and what costs
//! a request for each thing comes when all lists are read.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::checkpoint::{CheckpointError, Counted, Outcome, Progress};
use crate::graphql;
use crate::list::List;
use crate::queue::{Queue, Waiting};
use crate::scope::{Owner, Scope};
use crate::state::State;
use crate::walk::{Goal, Walk, WalkError};

/// Lists that are read at the same time: as many as keep a budget of ten requests a second busy where each answer takes a second.
const AT_A_TIME: usize = 12;

/// How a list ended.
#[derive(Debug)]
pub struct Ended {
    /// The project or group.
    pub owner: Arc<Owner>,
    /// The list.
    pub list: List,
    /// What this run did.
    pub counted: Counted,
    /// Why it was not read to its end, if it was not.
    pub error: Option<WalkError>,
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Every list, in the order of their ends.
    pub lists: Vec<Ended>,
    /// Whether GraphQL was asked.
    pub by_graphql: bool,
    /// Requests besides those of lists.
    pub other_requests: u64,
}

impl Ended {
    /// How it ended, in one word.
    pub fn outcome(&self) -> Outcome {
        self.error.as_ref().map_or(Outcome::Complete, WalkError::outcome)
    }
}

impl Summary {
    /// How many lists ended so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.lists.iter().filter(|ended| ended.outcome() == outcome).count()
    }

    /// All requests and objects of the run.
    pub fn counted(&self) -> Counted {
        let sum = |of: fn(&Counted) -> u64| self.lists.iter().map(|ended| of(&ended.counted)).sum::<u64>();
        Counted {
            requests: sum(|counted| counted.requests) + self.other_requests,
            objects: sum(|counted| counted.objects),
        }
    }
}

impl Walk {
    /// Reads lists of projects and groups; what an earlier run read is not read again.
    ///
    /// # Errors
    /// Checkpoints cannot be read or saved: without them a run would begin at the beginning for ever.
    pub async fn run(&self, scope: Scope, lists: &[List], goal: Goal) -> Result<Summary, CheckpointError> {
        let other_requests = scope.requests + u64::from(self.probe(&scope).await);
        let mut known = self.checkpoints.load().await?;
        let mut queue = Queue::default();
        for (owners, is_group) in [(scope.groups, true), (scope.projects, false)] {
            for owner in owners.into_values().map(Arc::new) {
                for list in lists.iter().copied().filter(|list| list.is_of_group() == is_group) {
                    let state = known.remove(&(owner.id, list)).unwrap_or_else(|| State::new(list));
                    let counted = Counted::default();
                    queue.add(owner.clone(), Progress { owner_id: owner.id, list, state, counted });
                }
            }
        }
        drop(known);
        self.live.lists(queue.len() as u64);
        let mut summary = Summary { other_requests, ..Summary::default() };
        let mut turns = FuturesUnordered::new();
        loop {
            while turns.len() < AT_A_TIME
                && let Some(mut next) = queue.next()
            {
                turns.push(async move {
                    let is_more = self.turn(&next.owner, &mut next.progress, &goal).await;
                    (next, is_more)
                });
            }
            let Some((next, is_more)) = turns.next().await else { break };
            let error = match is_more {
                Ok(true) => {
                    queue.again(next);
                    continue;
                }
                Ok(false) => None,
                Err(error) => Some(error),
            };
            queue.ended(next.owner.id, next.progress.list);
            let Waiting { owner, progress, .. } = next;
            let ended = Ended { owner, list: progress.list, counted: progress.counted, error };
            if let Some(error) = &ended.error {
                self.checkpoints.save(&progress, ended.outcome(), &error.to_string()).await?;
            }
            self.live.ended();
            summary.lists.push(ended);
        }
        summary.by_graphql = self.face.has_graphql();
        Ok(summary)
    }

    /// Finds out whether this GitLab has the GraphQL that lists are asked with; gives how many requests it took.
    async fn probe(&self, scope: &Scope) -> u32 {
        let Some(project) = scope.projects.values().next() else { return 0 };
        let variables = serde_json::json!({"path": project.path});
        if let Err(error) = self.client.graphql(&graphql::probe(), variables).await {
            // Whatever else is wrong shows where it is asked in earnest.
            if error.is_unknown_field() || error.is_absent() || error.is_forbidden() {
                tracing::info!(reason = %error, "GraphQL does not tell what is asked for: REST is asked, by more requests");
                self.face.without_graphql();
            }
        }
        1
    }
}
