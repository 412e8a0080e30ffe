//! The end of a process. In: SIGTERM or SIGINT. Out: a token that is cancelled by the first signal. Ends the process itself only on a second one.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by the first SIGTERM or SIGINT. A second signal ends the process at once, for somebody who does
/// not want to wait for the drain.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
            if shutdown.is_cancelled() {
                tracing::warn!("second signal: ending without waiting for the drain");
                std::process::exit(130);
            }
            // Cancels before it logs: a log whose reader is stuck blocks whoever writes a line.
            shutdown.cancel();
            tracing::info!("stopping: no new work is taken, what was accepted is finished");
        }
    });
    Ok(token)
}
