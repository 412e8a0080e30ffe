//! The peer: what `up` accepts is compared with a small Python service that does the same work, FastAPI with two workers in front of a list in Redis that is
//! fsynced at every write. In: the deliveries of `up`. Out: what it accepts. Its packages are installed once, below the target folder; Redis is the system's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;

use anyhow::Context;
use benches::{SIGNING_TOKEN, Sender};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::installation::{Command, Service, free_address, start_service};
use crate::load::{Corpus, Pace, Reuse, send};
use crate::meter::Meter;
use crate::report::{Report, Run};
use crate::up::{BURST, CONNECTIONS, MOST_PER_SECOND, WARM};

/// Runs on kept connections, and with a connection each.
pub(crate) const KEPT: &str = "peer";
const FRESH: &str = "peer_fresh";

/// What is installed.
pub(crate) struct Peer {
    gitpulse: PathBuf,
    source: PathBuf,
    uvicorn: PathBuf,
    redis: PathBuf,
}

struct Running {
    _folder: TempDir,
    redis: Service,
    web: Service,
}

impl Peer {
    /// Installs what it needs, unless that was done before.
    pub(crate) fn install(gitpulse: &Path, target: &Path) -> anyhow::Result<Peer> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/fastapi_redis");
        let wanted = std::fs::read_to_string(source.join("requirements.txt"))?;
        let environment = target.join("bench-peers/fastapi_redis");
        let installed = environment.join("installed");
        if std::fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
            run(Process::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
            let pip = environment.join("bin/pip");
            run(Process::new(pip)
                .args(["install", "--quiet", "--requirement"])
                .arg(source.join("requirements.txt")))?;
            std::fs::write(installed, wanted)?;
        }
        let redis = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join("redis-server"))
            .find(|file| file.exists())
            .context("there is no redis-server on the PATH; Debian's package is redis-server")?;
        Ok(Peer { gitpulse: gitpulse.to_owned(), source, uvicorn: environment.join("bin/uvicorn"), redis })
    }

    /// One turn: a burst on kept connections and one with a connection each, from an empty Redis.
    pub(crate) async fn turn(
        &self,
        sender: &Sender,
        bodies: &[Bytes],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let running = self.start().await?;
        let repeat = report.repeat_of(KEPT);
        let warm = Arc::new(Corpus::sign(sender, "warm", bodies, WARM));
        send(running.web.address, warm, CONNECTIONS, Pace::Closed, Reuse::Kept).await?;
        let mut sent = WARM as u64;
        for (name, reuse) in [(KEPT, Reuse::Kept), (FRESH, Reuse::Fresh)] {
            let id = format!("{name}-{repeat}");
            let most = MOST_PER_SECOND * BURST.as_secs() as usize;
            let corpus = Arc::new(Corpus::sign(sender, &id, bodies, most));
            let meter = Meter::start(&[("redis", running.redis.pid()?)]);
            let answers =
                send(running.web.address, corpus, CONNECTIONS, Pace::ClosedFor(BURST), reuse).await?;
            let accepted = answers.accepted.len() as u64;
            sent += accepted;
            let stored = stored(running.redis.address).await?;
            let mut run = Run::new(name, id, accepted, answers.took);
            run.cpu_us_per_event = meter.per_event(accepted);
            run.fault = answers.fault().or((stored != sent).then(|| format!("Redis has {stored} of {sent}")));
            run.latencies(answers.latencies());
            report.push(run);
        }
        // How they end says nothing of what was measured.
        let _ = running.web.stop().await;
        let _ = running.redis.stop().await;
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<Running> {
        let folder = tempfile::tempdir()?;
        let (store, listen) = (free_address()?, free_address()?);
        let port = store.port().to_string();
        let redis = Command {
            program: self.redis.clone(),
            arguments: ["--bind", "127.0.0.1", "--port", &port, "--save", ""]
                .iter()
                .chain(&["--appendonly", "yes", "--appendfsync", "always"])
                .map(Into::into)
                .collect(),
            environment: Vec::new(),
        };
        let redis = start_service(&self.gitpulse, folder.path(), "redis", redis, store, (store, "")).await?;
        let web = Command {
            program: self.uvicorn.clone(),
            arguments: ["app:app", "--workers", "2", "--loop", "uvloop", "--http", "httptools"]
                .iter()
                .chain(&["--no-access-log", "--log-level", "warning", "--host", "127.0.0.1", "--port"])
                .map(Into::into)
                .chain([listen.port().to_string().into(), "--app-dir".into(), self.source.clone().into()])
                .collect(),
            environment: vec![
                ("SIGNING_TOKEN", SIGNING_TOKEN.into()),
                ("REDIS_PORT", port.into()),
                ("PYTHONDONTWRITEBYTECODE", "1".into()),
            ],
        };
        let web = start_service(&self.gitpulse, folder.path(), "fastapi", web, listen, (listen, "/healthz"))
            .await?;
        Ok(Running { _folder: folder, redis, web })
    }
}

/// How many events Redis has.
async fn stored(address: SocketAddr) -> anyhow::Result<u64> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    stream.write_all(b"LLEN deliveries\r\n").await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    let count = answer.trim().strip_prefix(':').with_context(|| format!("Redis said {answer}"))?;
    Ok(count.parse()?)
}

fn run(command: &mut Process) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    anyhow::ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
