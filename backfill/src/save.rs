//! Saves rows in ClickHouse, in batches of many walks. In: rows of a table. Out: nothing, once they are saved. While one insert is under way, the
//! rows of others are collected for the next: a page does not need an insert of its own.

use std::time::Duration;

use clickhouse::{Client, RowOwned, RowWrite};
use runtime::clickhouse::{Insertion, is_transient};
use runtime::retry::Retry;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Limit of rows that wait for the insert under way.
const WAITING: usize = 1_000;

/// How long an insert is retried: a ClickHouse that restarts is back by then.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// Rows could not be saved.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the table {table} cannot be written: {reason}")]
pub struct SaveError {
    table: &'static str,
    reason: String,
}

/// Rows of one walk, and the caller that waits for them.
type Waiting<R> = (Vec<R>, oneshot::Sender<Result<(), SaveError>>);

/// The saver of one table. Clones share it.
#[derive(Clone)]
pub struct Saver<R> {
    table: &'static str,
    rows: mpsc::Sender<Waiting<R>>,
}

impl<R: RowOwned + RowWrite + Send + Sync + 'static> Saver<R> {
    /// Starts the saver of a table. It ends when its last clone is dropped.
    pub fn start(client: Client, table: &'static str) -> Saver<R> {
        let (sender, mut receiver) = mpsc::channel::<Waiting<R>>(WAITING);
        tokio::spawn(async move {
            let mut together = Vec::new();
            while receiver.recv_many(&mut together, WAITING).await > 0 {
                let (rows, waiting): (Vec<Vec<R>>, Vec<_>) = together.drain(..).unzip();
                let rows: Vec<R> = rows.into_iter().flatten().collect();
                let insertion = Insertion::into(&client, table);
                let retry = Retry {
                    until: Instant::now() + TRIED_FOR,
                    shutdown: &CancellationToken::new(),
                    warning: "the progress of the run could not be saved; saving is retried",
                };
                let saved = retry.run(is_transient, || insertion.rows::<R>(&rows)).await;
                let saved = saved.map_err(|error| SaveError { table, reason: error.to_string() });
                for one in waiting {
                    // A caller that stopped waiting needs no answer.
                    let _ = one.send(saved.clone());
                }
            }
        });
        Saver { table, rows: sender }
    }

    /// Saves rows, and waits until they are.
    pub async fn save(&self, rows: Vec<R>) -> Result<(), SaveError> {
        if rows.is_empty() {
            return Ok(());
        }
        let ended =
            || SaveError { table: self.table, reason: "the task that writes it has ended".to_owned() };
        let (sender, saved) = oneshot::channel();
        self.rows.send((rows, sender)).await.map_err(|_| ended())?;
        saved.await.map_err(|_| ended())?
    }
}
