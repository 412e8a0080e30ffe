//! In: commands. Out: children, all started by one thread that lives as long as the supervision. Never starts one elsewhere: Linux kills a child that
//! asked for it when the *thread* that started it ends, and the runtime's worker threads come and go.

use std::{io, sync::mpsc, thread};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Spawner {
    requests: mpsc::Sender<Request>,
}

struct Request {
    command: Command,
    started: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Starts the thread. Called within a runtime, which then watches the children.
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let (requests, incoming) = mpsc::channel::<Request>();
        let runtime = Handle::current();
        thread::Builder::new().name(format!("spawn-{name}")).spawn(move || {
            let _runtime = runtime.enter();
            for mut request in incoming {
                // If nobody waits any more, the child is dropped, which kills it.
                let _ = request.started.send(request.command.spawn());
            }
        })?;
        Ok(Self { requests })
    }

    /// Starts one child.
    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts children is gone");
        let (started, child) = oneshot::channel();
        self.requests.send(Request { command, started }).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}
