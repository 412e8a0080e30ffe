//! Makes requests to GitLab, and counts them. In: paths. Out: pages and objects. Never exceeds the run's budget for missing things, and makes no
//! request after the run was stopped.

use std::sync::atomic::{AtomicU64, Ordering};

use gitlab::{Client, Limit, Next, Page};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::error::ReconcileError;

/// The requests of one run.
pub struct Asking<'r> {
    client: &'r Client,
    shutdown: &'r CancellationToken,
    /// Requests so far.
    made: AtomicU64,
    /// Requests left for single things.
    left: AtomicU64,
}

impl<'r> Asking<'r> {
    /// A run that makes at most `budget` requests for single things, missing or reread.
    pub fn new(client: &'r Client, budget: u64, shutdown: &'r CancellationToken) -> Asking<'r> {
        Asking { client, shutdown, made: AtomicU64::new(0), left: AtomicU64::new(budget) }
    }

    /// Requests so far.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The token that ends the run early.
    pub fn shutdown(&self) -> &CancellationToken {
        self.shutdown
    }

    /// The first page of a list that every run reads.
    pub async fn list(
        &self,
        limit: Limit,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Page, ReconcileError> {
        self.count()?;
        Ok(self.client.list(limit, path, query).await?)
    }

    /// The next page.
    pub async fn next(&self, next: &Next) -> Result<Page, ReconcileError> {
        self.count()?;
        Ok(self.client.next(next).await?)
    }

    /// The first page of a list that is requested because something is missing. It counts against the budget.
    pub async fn targeted_list(
        &self,
        limit: Limit,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Page, ReconcileError> {
        self.spend()?;
        self.list(limit, path, query).await
    }

    /// The page after one of [`Asking::targeted_list`].
    pub async fn targeted_next(&self, next: &Next) -> Result<Page, ReconcileError> {
        self.spend()?;
        self.next(next).await
    }

    /// One object that is requested because it is missing. It counts against the budget.
    pub async fn targeted_object(&self, limit: Limit, path: &str) -> Result<Box<RawValue>, ReconcileError> {
        self.spend()?;
        self.object(limit, path).await
    }

    /// One object.
    pub async fn object(&self, limit: Limit, path: &str) -> Result<Box<RawValue>, ReconcileError> {
        self.count()?;
        Ok(self.client.object(limit, path, &[]).await?)
    }

    fn count(&self) -> Result<(), ReconcileError> {
        if self.shutdown.is_cancelled() {
            return Err(ReconcileError::Stopped);
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn spend(&self) -> Result<(), ReconcileError> {
        let spent = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        spent.map(|_| ()).map_err(|_| ReconcileError::Spent)
    }
}
