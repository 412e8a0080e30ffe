//! In: a broker program that was provided, a folder and an address. Out: how to start the one broker of `up`, of tests and of benches. Never listens
//! beyond the address it is given.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    child::{ChildSpec, Listens},
    kafka::{Kafka, KafkaError, KafkaNode, KafkaProgram},
    nisshi::{Nisshi, RETENTION_SWEEP_EVERY},
    probe,
    supervisor::{SuperviseError, Supervisor},
};

/// File in the broker's folder with the port of Kafka's controller.
const CONTROLLER_PORT_FILE: &str = "controller-port";

/// A program that can be the broker.
#[derive(Clone, Debug)]
pub enum BrokerProgram {
    /// Apache Kafka.
    Kafka(KafkaProgram),
    /// The `nisshi` program, for machines without Java.
    Nisshi(PathBuf),
}

/// The broker could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Kafka cannot be prepared.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The folder of the broker cannot be used.
    #[error("cannot prepare {} for the broker", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl BrokerProgram {
    /// How it is started in `folder`, which is prepared here; the first time takes Kafka a second.
    ///
    /// # Errors
    ///
    /// When the folder cannot be used, or Kafka does not accept it.
    pub async fn child(&self, folder: &Path, listens: Listens) -> Result<ChildSpec, BrokerError> {
        let failed = |source| BrokerError::Folder { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        match self {
            Self::Kafka(program) => {
                let controller_port = controller_port(&folder.join(CONTROLLER_PORT_FILE)).map_err(failed)?;
                let node = KafkaNode { listens, controller_port };
                let kafka = Kafka { program: program.clone(), folder: folder.to_owned(), nodes: vec![node] };
                Ok(kafka.child(1).await?)
            }
            Self::Nisshi(program) => {
                let nisshi = Nisshi {
                    program: program.clone(),
                    folder: folder.to_owned(),
                    listens,
                    retention_sweep_every: RETENTION_SWEEP_EVERY,
                };
                nisshi.child().map_err(failed)
            }
        }
    }
}

/// Supervises a broker as `child`, perhaps [`through`](ChildSpec::through) another program; ready when a client can use it.
///
/// # Errors
///
/// Those of [`Supervisor::start`].
pub async fn start(child: ChildSpec) -> Result<Supervisor, SuperviseError> {
    let address = child.listens.address;
    Supervisor::start(child, move || probe::kafka(address)).await
}

/// The port that the controller had before, else a free one. It is not a setting, so a port that was taken meanwhile is replaced: a cluster of one
/// node works with whatever port its properties name.
fn controller_port(file: &Path) -> io::Result<u16> {
    let kept = match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(port) = kept
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    {
        return Ok(port);
    }
    let port = free_port()?;
    fs::write(file, format!("{port}\n"))?;
    Ok(port)
}

/// An unused port, below those that the system gives to outgoing connections, which could take it at any time.
fn free_port() -> io::Result<u16> {
    const FIRST: u32 = 30_000;
    const COUNT: u32 = 2_700;
    // No two calls in a process return the same port, because it takes some seconds until the controller listens.
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let number = std::process::id().wrapping_mul(37).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let Ok(port) = u16::try_from(FIRST + number % COUNT) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests;
