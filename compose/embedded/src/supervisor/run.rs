//! In: one child's spec, its readiness check and a request to stop. Out: how supervision ended. Never leaves a child running.

use std::{
    io,
    ops::{Deref, DerefMut},
    process::ExitStatus,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::Child,
    sync::{oneshot, watch},
    time::{Instant, sleep, timeout},
};

use super::{ChildState, SuperviseError, backoff::Backoff, spawner::Spawner};
use crate::child::{ChildSpec, last_line};

/// How often a starting child is checked.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// All that supervision needs, owned by its task.
pub(super) struct Run<R> {
    pub(super) spec: ChildSpec,
    pub(super) ready: R,
    pub(super) spawner: Spawner,
    pub(super) state: watch::Sender<ChildState>,
    pub(super) stop_requested: oneshot::Receiver<Duration>,
}

/// Why one run of the child is over.
enum End {
    /// It ended by itself.
    Exited(ExitStatus),
    /// It did not become ready in time; the source is the last error.
    NotReady(io::Error),
    /// It was asked to stop, with this much time to do so.
    Stop(Duration),
}

impl<R, F> Run<R>
where
    R: Fn() -> F,
    F: Future<Output = io::Result<()>>,
{
    /// Keeps the child running until the request to stop.
    pub(super) async fn until_stopped(mut self) -> Result<ExitStatus, SuperviseError> {
        let mut backoff = Backoff::new(self.spec.gives_up);
        let mut was_ever_ready = false;
        loop {
            let mut child = Group(self.start().await?);
            let started = Instant::now();
            let end = self.one_run(&mut child).await?;
            was_ever_ready |= matches!(*self.state.borrow(), ChildState::Ready { .. });
            let reason = match end {
                End::Stop(grace) => return self.terminate(child, grace).await,
                End::Exited(status) if !was_ever_ready => {
                    return Err(self.ended_before_ready(status));
                }
                End::NotReady(source) if !was_ever_ready => {
                    self.kill(&mut child).await?;
                    return Err(self.not_ready(source));
                }
                End::Exited(status) => status.to_string(),
                End::NotReady(error) => {
                    self.kill(&mut child).await?;
                    format!("no answer within {:?}: {error}", self.spec.ready_within)
                }
            };
            self.state.send_replace(ChildState::Down);
            let Some(pause) = backoff.after(started.elapsed()) else {
                return Err(self.gave_up(backoff.short_runs(), reason));
            };
            tracing::warn!(
                child = self.spec.name,
                reason,
                log_file = %self.spec.log_file.display(),
                last_line = self.last_line(),
                restart_in_ms = pause.as_millis() as u64,
                "a child ended unexpectedly and is restarted"
            );
            tokio::select! {
                () = sleep(pause) => (),
                _ = &mut self.stop_requested => return Ok(ExitStatus::default()),
            }
        }
    }

    async fn start(&self) -> Result<Child, SuperviseError> {
        let child = match self.spec.command() {
            Ok(command) => self.spawner.spawn(command).await,
            Err(error) => Err(error),
        };
        child.map_err(|source| self.not_started(source))
    }

    async fn one_run(&mut self, child: &mut Child) -> Result<End, SuperviseError> {
        // A child has an id until it was waited for.
        let pid = child.id().unwrap_or_default();
        self.state.send_replace(ChildState::Starting { pid });
        tokio::select! {
            status = child.wait() => return self.exited(status),
            grace = &mut self.stop_requested => return Ok(End::Stop(grace.unwrap_or_default())),
            ready = until_ready(&self.ready, self.spec.ready_within) => if let Err(error) = ready {
                return Ok(End::NotReady(error));
            },
        }
        tracing::info!(child = self.spec.name, pid, "a child is ready");
        self.state.send_replace(ChildState::Ready { pid });
        tokio::select! {
            status = child.wait() => self.exited(status),
            grace = &mut self.stop_requested => Ok(End::Stop(grace.unwrap_or_default())),
        }
    }

    async fn terminate(&self, mut child: Group, grace: Duration) -> Result<ExitStatus, SuperviseError> {
        signal(&child, Signal::TERM);
        let status = match timeout(grace, child.wait()).await {
            Ok(status) => status.map_err(|source| self.not_started(source))?,
            Err(_) => {
                tracing::warn!(child = self.spec.name, ?grace, "a child did not stop in time and is killed");
                self.kill(&mut child).await?
            }
        };
        self.state.send_replace(ChildState::Down);
        Ok(status)
    }

    async fn kill(&self, child: &mut Child) -> Result<ExitStatus, SuperviseError> {
        signal(child, Signal::KILL);
        child.wait().await.map_err(|source| self.not_started(source))
    }
}

impl<R> Run<R> {
    fn exited(&self, status: io::Result<ExitStatus>) -> Result<End, SuperviseError> {
        status.map(End::Exited).map_err(|source| self.not_started(source))
    }

    fn last_line(&self) -> String {
        last_line(&self.spec.log_file).unwrap_or_else(|| "nothing".to_owned())
    }

    fn not_started(&self, source: io::Error) -> SuperviseError {
        SuperviseError::Start { name: self.spec.name, program: self.spec.program.clone(), source }
    }

    fn ended_before_ready(&self, status: ExitStatus) -> SuperviseError {
        SuperviseError::EndedBeforeReady {
            name: self.spec.name,
            status,
            log_file: self.spec.log_file.clone(),
            last_line: self.last_line(),
        }
    }

    fn not_ready(&self, source: io::Error) -> SuperviseError {
        SuperviseError::NotReady {
            name: self.spec.name,
            within: self.spec.ready_within,
            log_file: self.spec.log_file.clone(),
            last_line: self.last_line(),
            source,
        }
    }

    fn gave_up(&self, ends: usize, reason: String) -> SuperviseError {
        SuperviseError::GaveUp {
            name: self.spec.name,
            ends,
            reason,
            log_file: self.spec.log_file.clone(),
            last_line: self.last_line(),
        }
    }
}

/// Checks until it is ready; the error is the last one when the time is over.
async fn until_ready<R, F>(ready: &R, within: Duration) -> io::Result<()>
where
    R: Fn() -> F,
    F: Future<Output = io::Result<()>>,
{
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    let asking = async {
        while let Err(error) = ready().await {
            last = error;
            sleep(ASK_EVERY).await;
        }
    };
    match timeout(within, asking).await {
        Ok(()) => Ok(()),
        Err(_) => Err(last),
    }
}

/// A child with the processes that it has started. If supervision drops it while it runs, all of them are killed, whereas `kill_on_drop` would only
/// kill the first.
struct Group(Child);

impl Deref for Group {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Group {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A child that was waited for has no id any more.
        signal(&self.0, Signal::KILL);
    }
}

/// Signals the child's process group, which includes the processes it has started.
fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    if let Some(pid) = pid
        && let Err(error) = kill_process_group(pid, signal)
    {
        tracing::debug!(%error, "a child had ended before it was signalled");
    }
}
