//! Turns: how many deliveries of one project wait for Kafka at the same time. In: a project. Out: a turn, or none in time, and then the
//! delivery goes to the spool. Never remembers a project of which nothing is under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a delivery waits for its turn.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The turns of all projects.
pub struct Turns {
    limit: usize,
    projects: Arc<Projects>,
}

type Projects = Mutex<HashMap<String, Project>>;

struct Project {
    free: Arc<Semaphore>,
    /// Deliveries that wait or have their turn.
    deliveries: usize,
}

/// The turn of one delivery; over when it is dropped.
pub struct Turn {
    // In this order: whoever waits may go on before the project is forgotten.
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

/// That a delivery of a project is under way.
struct Place {
    project: String,
    projects: Arc<Projects>,
}

impl Turns {
    /// Turns for `limit` deliveries of each project.
    pub fn new(limit: usize) -> Turns {
        Turns { limit, projects: Arc::default() }
    }

    /// Waits for a turn of the project, or whatever else the subject of an event begins with, of an instance; `None` if it takes too long.
    pub async fn wait(&self, instance: &str, subject: &str) -> Option<Turn> {
        // `project/42/merge_request/7`
        let end = subject.match_indices('/').nth(1).map_or(subject.len(), |(end, _)| end);
        let (place, free) = self.join(format!("{instance}/{}", &subject[..end]));
        let permit = tokio::time::timeout(TIMEOUT, free.acquire_owned()).await.ok()?.ok()?;
        Some(Turn { _permit: permit, _place: place })
    }

    fn join(&self, project: String) -> (Place, Arc<Semaphore>) {
        let mut projects = locked(&self.projects);
        let entry = projects
            .entry(project.clone())
            .or_insert_with(|| Project { free: Arc::new(Semaphore::new(self.limit)), deliveries: 0 });
        entry.deliveries += 1;
        let free = entry.free.clone();
        (Place { project, projects: self.projects.clone() }, free)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut projects = locked(&self.projects);
        if let Some(project) = projects.get_mut(&self.project) {
            project.deliveries -= 1;
            if project.deliveries == 0 {
                projects.remove(&self.project);
            }
        }
    }
}

/// Nothing that holds the lock can leave the map half changed.
fn locked(projects: &Projects) -> MutexGuard<'_, HashMap<String, Project>> {
    projects.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITLAB: &str = "https://gitlab.example.com";

    #[tokio::test(start_paused = true)]
    async fn a_project_that_takes_all_its_turns_leaves_those_of_others() {
        let turns = Turns::new(2);
        let first = turns.wait(GITLAB, "project/42/merge_request/7").await.unwrap();
        let second = turns.wait(GITLAB, "project/42/push/refs/heads/main").await.unwrap();
        assert!(turns.wait(GITLAB, "project/42/merge_request/7").await.is_none());
        assert!(turns.wait(GITLAB, "project/421/merge_request/7").await.is_some());
        assert!(turns.wait("https://other.example", "project/42/merge_request/7").await.is_some());
        drop(second);
        assert!(turns.wait(GITLAB, "project/42/issue/1").await.is_some());
        drop(first);
        assert!(locked(&turns.projects).is_empty(), "nothing is under way, nothing is remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_goes_on_when_a_turn_is_over() {
        let turns = Turns::new(1);
        let turn = turns.wait(GITLAB, "group/5").await.unwrap();
        let waiting = turns.wait(GITLAB, "group/5");
        let over = async {
            tokio::time::sleep(TIMEOUT / 2).await;
            drop(turn);
        };
        let (next, ()) = tokio::join!(waiting, over);
        assert!(next.is_some());
    }
}
