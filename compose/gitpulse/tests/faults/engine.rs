//! A broker or a ClickHouse that can be killed, frozen and started again at will. In: how it is started. Out: its process, or that there is none.

use std::net::SocketAddr;

use embedded::child::ChildSpec;
use embedded::supervisor::Supervisor;
use rustix::process::{Pid, Signal, kill_process};

use crate::engines::{start_broker_child, start_clickhouse_child};

/// What an engine is.
#[derive(Clone, Copy)]
pub(crate) enum Engine {
    Broker,
    ClickHouse,
}

/// An engine as a process.
pub(crate) struct Held {
    engine: Engine,
    child: ChildSpec,
    supervisor: Option<Supervisor>,
}

impl Held {
    /// Starts it.
    pub(crate) async fn start(engine: Engine, child: ChildSpec) -> Held {
        let mut held = Held { engine, child, supervisor: None };
        held.restart().await;
        held
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.child.listens.address
    }

    /// SIGKILL. It stays down.
    pub(crate) fn kill(&mut self) {
        // A supervisor that is dropped kills at once and starts nothing any more.
        self.supervisor = None;
    }

    /// Starts it again, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        let child = self.child.clone();
        self.supervisor = Some(match self.engine {
            Engine::Broker => start_broker_child(child).await,
            Engine::ClickHouse => start_clickhouse_child(child).await,
        });
    }

    /// SIGSTOP: it listens and answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGKILL of the process alone; its supervisor has it back at once.
    pub(crate) fn crash(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // One that is just being started again by its supervisor has nothing to be signalled.
        if let Some(pid) = self.supervisor.as_ref().and_then(Supervisor::pid) {
            let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
        }
    }
}
