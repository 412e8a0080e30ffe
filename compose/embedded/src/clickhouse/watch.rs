//! Ends statements whose client is gone. In: a statement and its answer, as long as somebody wants it. Out: KILL QUERY, repeated until the statement
//! is over. Never: ends a statement that writes; ClickHouse lets those continue without their client.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::engine::Engine;

/// Pause between the first tries to end a statement; doubles up to a second. A statement that has not begun cannot be ended yet.
const AGAIN: Duration = Duration::from_millis(100);
const AGAIN_AT_MOST: Duration = Duration::from_secs(2);

/// Held as long as a client wants the answer. If it is dropped before the statement is over, the statement is ended.
#[derive(Debug)]
pub(super) struct Watch {
    engine: Arc<Engine>,
    query_id: String,
    over: CancellationToken,
    is_answered: bool,
}

impl Watch {
    /// Watches a statement until the guard is dropped.
    pub(super) fn new(engine: Arc<Engine>, query_id: String) -> (Watch, DropGuard) {
        let over = CancellationToken::new();
        let guard = over.clone().drop_guard();
        (Watch { engine, query_id, over, is_answered: false }, guard)
    }

    /// The client has the whole answer.
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
