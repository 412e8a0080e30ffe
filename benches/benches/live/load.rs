//! The load generator. In: deliveries signed beforehand. Out: the answer to each, and its time. Hand-written HTTP on keep-alive or fresh connections:
//! it shares the cores with what it measures, so it does as little as possible. Limited in number and time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use benches::Sender;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Time limit of a run.
const LIMIT: Duration = Duration::from_secs(180);
/// Size limit of an answer.
const ANSWER_BYTES: usize = 16 * 1024;

/// Deliveries of one run, signed.
pub(crate) struct Corpus {
    /// Prefix of their ids.
    pub(crate) run: String,
    timestamp: String,
    bodies: Vec<Bytes>,
    signatures: Vec<String>,
}

impl Corpus {
    /// Signs `count` deliveries with alternating bodies.
    pub(crate) fn sign(sender: &Sender, run: &str, bodies: &[Bytes], count: usize) -> Corpus {
        let timestamp = now().timestamp().to_string();
        let signatures = (0..count)
            .map(|index| sender.signature(&id(run, index), &timestamp, &bodies[index % bodies.len()]))
            .collect();
        Corpus { run: run.to_owned(), timestamp, bodies: bodies.to_vec(), signatures }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.signatures.len()
    }

    fn write(&self, index: usize, reuse: Reuse, request: &mut Vec<u8>) {
        let (body, id) = (&self.bodies[index % self.bodies.len()], id(&self.run, index));
        let connection = match reuse {
            Reuse::Kept => "keep-alive",
            Reuse::Fresh => "close",
        };
        request.clear();
        request.extend_from_slice(
            format!(
                "POST /api/v1/webhooks/gitlab HTTP/1.1\r\nHost: gitpulse.example.com\r\nConnection: {connection}\r\n\
                 Content-Type: application/json\r\nUser-Agent: GitLab/19.0.0\r\nX-Gitlab-Event: Merge Request Hook\r\n\
                 X-Gitlab-Instance: https://gitlab.example.com\r\n\
                 X-Gitlab-Webhook-UUID: 5c0a2b6e-6a3e-4e1c-9a55-0d5ad3a1c1de\r\n\
                 X-Gitlab-Event-UUID: 4f0d9f7c-94a1-4ad6-b0a5-5d0a27f2b2a7\r\n\
                 Idempotency-Key: {id}\r\nwebhook-id: {id}\r\nwebhook-timestamp: {}\r\nwebhook-signature: {}\r\n\
                 Content-Length: {}\r\n\r\n",
                self.timestamp,
                self.signatures[index],
                body.len()
            )
            .as_bytes(),
        );
        request.extend_from_slice(body);
    }
}

/// The delivery id of one delivery of a run.
pub(crate) fn id(run: &str, index: usize) -> String {
    format!("{run}.{index:07}")
}

/// When deliveries are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as a connection is free.
    Closed,
    /// The same, until this time has passed.
    ClosedFor(Duration),
    /// On a schedule in deliveries per second, independent of answers. Latency counts from the intended time.
    Open(f64),
}

/// What happens to a connection after an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reuse {
    /// It is used again.
    Kept,
    /// It is closed, as GitLab does.
    Fresh,
}

/// One delivery that was answered 200.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) index: usize,
    pub(crate) intended: Instant,
    pub(crate) answered: Instant,
}

/// The answers of a run.
pub(crate) struct Answers {
    pub(crate) accepted: Vec<Answered>,
    /// Answers other than 200.
    pub(crate) refused: usize,
    /// From the first to the last.
    pub(crate) took: Duration,
}

impl Answers {
    /// From the intended sending to the answer, in milliseconds.
    pub(crate) fn latencies(&self) -> Vec<f64> {
        let latency = |one: &Answered| (one.answered - one.intended).as_secs_f64() * 1000.0;
        self.accepted.iter().map(latency).collect()
    }

    /// What is wrong if not every answer was 200.
    pub(crate) fn fault(&self) -> Option<String> {
        (self.refused > 0).then(|| format!("{} deliveries were not answered 200", self.refused))
    }
}

/// Sends a corpus.
pub(crate) async fn send(
    address: SocketAddr,
    corpus: Arc<Corpus>,
    connections: u64,
    pace: Pace,
    reuse: Reuse,
) -> anyhow::Result<Answers> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut kept = Vec::new();
    for _ in 0..connections {
        // One after another and before the clock runs: a flood would overflow the kernel's queue of new connections.
        kept.push(match reuse {
            Reuse::Kept => Some(connect(address).await?),
            Reuse::Fresh => None,
        });
    }
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for kept in kept {
        workers.spawn(connection(address, kept, corpus.clone(), next.clone(), started, pace));
    }
    let mut answers =
        Answers { accepted: Vec::with_capacity(corpus.len()), refused: 0, took: Duration::ZERO };
    let collecting = async {
        while let Some(worker) = workers.join_next().await {
            let (accepted, refused) = worker??;
            answers.accepted.extend(accepted);
            answers.refused += refused;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LIMIT, collecting).await.context("the load was not answered in time")??;
    answers.took = started.elapsed();
    Ok(answers)
}

/// One connection after another, or one for all.
async fn connection(
    address: SocketAddr,
    mut kept: Option<TcpStream>,
    corpus: Arc<Corpus>,
    next: Arc<AtomicUsize>,
    started: Instant,
    pace: Pace,
) -> anyhow::Result<(Vec<Answered>, usize)> {
    let (mut accepted, mut refused) = (Vec::new(), 0);
    let (mut request, mut answer) = (Vec::new(), vec![0; ANSWER_BYTES]);
    let reuse = if kept.is_some() { Reuse::Kept } else { Reuse::Fresh };
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= corpus.len() {
            return Ok((accepted, refused));
        }
        if matches!(pace, Pace::ClosedFor(duration) if started.elapsed() >= duration) {
            return Ok((accepted, refused));
        }
        corpus.write(index, reuse, &mut request);
        let intended = match pace {
            Pace::Closed | Pace::ClosedFor(_) => Instant::now(),
            Pace::Open(rate) => {
                let intended = started + Duration::from_secs_f64(index as f64 / rate);
                tokio::time::sleep_until(intended.into()).await;
                intended
            }
        };
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => connect(address).await?,
        };
        stream.write_all(&request).await?;
        match status(&mut stream, &mut answer).await? {
            200 => accepted.push(Answered { index, intended, answered: Instant::now() }),
            _ => refused += 1,
        }
        if let Reuse::Kept = reuse {
            kept = Some(stream);
        }
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer to its end and returns its status.
async fn status(stream: &mut TcpStream, answer: &mut [u8]) -> anyhow::Result<u16> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut answer[filled..]).await?;
        anyhow::ensure!(count > 0, "the connection ended before the answer");
        filled += count;
        let read = &answer[..filled];
        let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = std::str::from_utf8(&read[..end])?;
        let length = head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>())?;
        if filled >= end + 4 + length {
            let status = head.split(' ').nth(1).context("an answer without a status")?;
            return Ok(status.parse()?);
        }
    }
}

/// The clock for signatures.
#[expect(clippy::disallowed_methods, reason = "the edge: a signature carries the time of sending")]
pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
