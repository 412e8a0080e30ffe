//! Limits how many deliveries of one project may wait for Kafka at the same time. In: a project. Out: a permit, or none in time, and then the
//! delivery goes to the spool. Never keeps an entry for a project without deliveries in progress.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a delivery waits for a permit.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The permits of all projects.
pub struct ProjectLimit {
    limit: usize,
    projects: Arc<Projects>,
}

type Projects = Mutex<HashMap<String, Project>>;

struct Project {
    free: Arc<Semaphore>,
    /// Deliveries that wait for a permit or have one.
    deliveries: usize,
}

/// The permit of one delivery. Dropping it passes it on.
pub struct Permit {
    // Dropped in this order: the next delivery may continue before the project's entry is removed.
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

/// Registers a delivery of a project.
struct Place {
    project: String,
    projects: Arc<Projects>,
}

impl ProjectLimit {
    /// `limit` permits for each project.
    pub fn new(limit: usize) -> ProjectLimit {
        ProjectLimit { limit, projects: Arc::default() }
    }

    /// Waits for a permit; `None` if it takes too long. There are separate permits for each instance and first two parts of the subject: usually a
    /// project.
    pub async fn acquire(&self, instance: &str, subject: &str) -> Option<Permit> {
        // `project/42/merge_request/7`
        let end = subject.match_indices('/').nth(1).map_or(subject.len(), |(end, _)| end);
        let (place, free) = self.join(format!("{instance}/{}", &subject[..end]));
        let permit = tokio::time::timeout(TIMEOUT, free.acquire_owned()).await.ok()?.ok()?;
        Some(Permit { _permit: permit, _place: place })
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

/// No code that holds the lock can leave the map half changed, so a poisoned lock is fine.
fn locked(projects: &Projects) -> MutexGuard<'_, HashMap<String, Project>> {
    projects.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITLAB: &str = "https://gitlab.example.com";

    #[tokio::test(start_paused = true)]
    async fn a_project_that_takes_all_its_permits_leaves_those_of_others() {
        let limit = ProjectLimit::new(2);
        let first = limit.acquire(GITLAB, "project/42/merge_request/7").await.unwrap();
        let second = limit.acquire(GITLAB, "project/42/push/refs/heads/main").await.unwrap();
        assert!(limit.acquire(GITLAB, "project/42/merge_request/7").await.is_none());
        assert!(limit.acquire(GITLAB, "project/421/merge_request/7").await.is_some());
        assert!(limit.acquire("https://other.example", "project/42/merge_request/7").await.is_some());
        drop(second);
        assert!(limit.acquire(GITLAB, "project/42/issue/1").await.is_some());
        drop(first);
        assert!(locked(&limit.projects).is_empty(), "nothing is under way, nothing is remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_waits_goes_on_when_a_permit_is_free() {
        let limit = ProjectLimit::new(1);
        let permit = limit.acquire(GITLAB, "group/5").await.unwrap();
        let waiting = limit.acquire(GITLAB, "group/5");
        let over = async {
            tokio::time::sleep(TIMEOUT / 2).await;
            drop(permit);
        };
        let (next, ()) = tokio::join!(waiting, over);
        assert!(next.is_some());
    }
}
