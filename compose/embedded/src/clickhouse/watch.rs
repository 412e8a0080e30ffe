//! Ends statements whose client is gone.
//! In: a statement and its answer, as long as somebody wants it. Out: KILL QUERY, again and again until the statement is over.
//! Never: ends a statement that writes; ClickHouse lets those go on without their client.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::engine::Engine;

/// Between the first tries to end a statement; doubles up to the second. One that has not begun cannot be ended yet.
const AGAIN: Duration = Duration::from_millis(100);
const AGAIN_AT_MOST: Duration = Duration::from_secs(2);

/// Held as long as a client wants the answer. Dropped earlier than the statement is over, it ends the statement.
#[derive(Debug)]
pub(super) struct Watch {
    engine: Arc<Engine>,
    query_id: String,
    over: CancellationToken,
    is_answered: bool,
}

impl Watch {
    /// Watches a statement, which is over when the guard is dropped.
    pub(super) fn new(engine: Arc<Engine>, query_id: String) -> (Watch, DropGuard) {
        let over = CancellationToken::new();
        let guard = over.clone().drop_guard();
        (Watch { engine, query_id, over, is_answered: false }, guard)
    }

    /// The client has all of the answer.
    pub(super) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.is_answered || self.over.is_cancelled() {
            return;
        }
        let (engine, over, query_id) =
            (self.engine.clone(), self.over.clone(), std::mem::take(&mut self.query_id));
        tokio::spawn(async move {
            let mut pause = AGAIN;
            while !over.is_cancelled() {
                let (engine, query_id) = (engine.clone(), query_id.clone());
                let _ = tokio::task::spawn_blocking(move || engine.kill(Some(&query_id))).await;
                let _ = tokio::time::timeout(pause, over.cancelled()).await;
                pause = (pause * 2).min(AGAIN_AT_MOST);
            }
        });
    }
}
