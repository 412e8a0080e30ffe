//! In: how to start a child, and how to check that it is ready. Out: a child that is kept running until it is stopped. Never restarts one for ever: a
//! child that keeps ending is an error.

mod backoff;
mod error;
mod run;
mod spawner;

use std::{io, net::TcpListener, process::ExitStatus, time::Duration};

use tokio::sync::{oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

pub use self::error::SuperviseError;
use self::{run::Run, spawner::Spawner};
use crate::child::{ChildSpec, Listens};

/// The state of a supervised child.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChildState {
    /// It was started and does not answer yet.
    Starting {
        /// Its process id.
        pid: u32,
    },
    /// It answers.
    Ready {
        /// Its process id.
        pid: u32,
    },
    /// It does not run: it ended and will be started again, or has been stopped.
    Down,
}

/// One child that is restarted when it ends unexpectedly.
///
/// Dropping it kills the child at once; [`Supervisor::stop`] lets it finish.
#[derive(Debug)]
pub struct Supervisor {
    name: &'static str,
    state: watch::Receiver<ChildState>,
    stop: Option<oneshot::Sender<Duration>>,
    outcome: Option<AbortOnDropHandle<Result<ExitStatus, SuperviseError>>>,
}

impl Supervisor {
    /// Starts a child and waits until `ready` succeeds; `ready` is called repeatedly, and again after every restart.
    ///
    /// # Errors
    ///
    /// When the child's address is taken, it cannot be started, ends before it was ready, or is not ready in time. Only a child that was ready once
    /// is restarted.
    pub async fn start<R, F>(spec: ChildSpec, ready: R) -> Result<Self, SuperviseError>
    where
        R: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let name = spec.name;
        free_address(name, spec.listens).await?;
        let spawner = Spawner::start(name).map_err(|source| SuperviseError::Start {
            name,
            program: spec.program.clone(),
            source,
        })?;
        let (publish, mut state) = watch::channel(ChildState::Down);
        let (stop, stop_requested) = oneshot::channel();
        let run = Run { spec, ready, spawner, state: publish, stop_requested };
        let mut outcome = AbortOnDropHandle::new(tokio::spawn(run.until_stopped()));
        tokio::select! {
            ended = &mut outcome => return Err(error_of(name, ended)),
            // A child that ends drops the state too; its outcome has the reason.
            Ok(_) = state.wait_for(|state| matches!(state, ChildState::Ready { .. })) => (),
        }
        Ok(Self { name, state, stop: Some(stop), outcome: Some(outcome) })
    }

    /// The process id of the child, while it runs. After [`exec`](crate::child::exec) it is the
    /// engine's own.
    pub fn pid(&self) -> Option<u32> {
        match *self.state.borrow() {
            ChildState::Starting { pid } | ChildState::Ready { pid } => Some(pid),
            ChildState::Down => None,
        }
    }

    /// The state of the child, to read or to wait on.
    pub fn state(&self) -> watch::Receiver<ChildState> {
        self.state.clone()
    }

    /// Waits until the child has ended too often and is not restarted any more. Safe in a `select!`: dropping the future loses nothing.
    pub async fn gave_up(&mut self) -> SuperviseError {
        let Some(outcome) = &mut self.outcome else {
            return std::future::pending().await; // It was told already.
        };
        let error = error_of(self.name, outcome.await);
        self.outcome = None;
        error
    }

    /// Sends SIGTERM to the child, and kills it if it has not ended within `grace`.
    ///
    /// # Errors
    ///
    /// When supervision had given up before.
    pub async fn stop(mut self, grace: Duration) -> Result<ExitStatus, SuperviseError> {
        if let Some(stop) = self.stop.take() {
            // If the receiver is gone, the outcome has the reason.
            let _ = stop.send(grace);
        }
        match self.outcome.take() {
            Some(outcome) => outcome.await.unwrap_or(Err(SuperviseError::Lost { name: self.name })),
            None => Err(SuperviseError::Lost { name: self.name }),
        }
    }
}

/// Supervision ends by itself only with an error.
fn error_of(
    name: &'static str,
    ended: Result<Result<ExitStatus, SuperviseError>, tokio::task::JoinError>,
) -> SuperviseError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(_)) | Err(_) => SuperviseError::Lost { name },
    }
}

/// How long an address may stay in use: engines of a killed process end with it, but not at once.
const ADDRESS_WITHIN: Duration = Duration::from_secs(5);

/// Detects an address in use before the start: the child itself would only end with a line in its log.
async fn free_address(name: &'static str, listens: Listens) -> Result<(), SuperviseError> {
    let Listens { address, setting } = listens;
    let give_up_at = tokio::time::Instant::now() + ADDRESS_WITHIN;
    loop {
        match TcpListener::bind(address) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if tokio::time::Instant::now() > give_up_at {
                    return Err(SuperviseError::AddressTaken { name, address, setting });
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(source) => return Err(SuperviseError::Address { name, address, setting, source }),
        }
    }
}

#[cfg(test)]
mod tests;
