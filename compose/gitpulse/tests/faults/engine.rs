//! A broker or a ClickHouse that can be killed, frozen and restarted at will. In: how to start it. Out: its process, or none.

use std::net::SocketAddr;

use embedded::child::ChildSpec;
use embedded::supervisor::Supervisor;
use rustix::process::{Pid, Signal, kill_process};

use crate::engines::{start_broker_child, start_clickhouse_child};

/// The kind of engine.
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

    /// Its address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.child.listens.address
    }

    /// SIGKILL. It stays down.
    pub(crate) fn kill(&mut self) {
        // Dropping the supervisor kills the process, and nothing is restarted.
        self.supervisor = None;
    }

    /// Restarts it, and waits until it answers.
    pub(crate) async fn restart(&mut self) {
        let child = self.child.clone();
        self.supervisor = Some(match self.engine {
            Engine::Broker => start_broker_child(child).await,
            Engine::ClickHouse => start_clickhouse_child(child).await,
        });
    }

    /// SIGSTOP: it listens but does not answer.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGKILL of the process only; its supervisor restarts it at once.
    pub(crate) fn crash(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // There is no process while its supervisor is restarting it.
        if let Some(pid) = self.supervisor.as_ref().and_then(Supervisor::pid) {
            let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal);
        }
    }
}
