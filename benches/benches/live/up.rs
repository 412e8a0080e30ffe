//! All of `up` at work: one process, its broker and its ClickHouse on the cores that also generate the load. In: pipeline events with nine jobs. Out:
//! how much it accepts in a burst, how soon all of it is visible, response times at a calmer rate, and its idle memory; alternately with another
//! build of `gitpulse`, and with a peer, which is another program.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use benches::{SIGNING_TOKEN, Sender, built};
use bytes::Bytes;
use runtime::Secret;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig};
use serde_json::{Value, json};

use crate::installation::{Command, Service, free_address, start_service};
use crate::load::{Corpus, Pace, Reuse, send};
use crate::meter::{self, Meter};
use crate::peer::Peer;
use crate::report::{Report, Run};
use crate::{Options, check};

/// Connections of the load, kept or consecutive.
pub(crate) const CONNECTIONS: u64 = 64;
/// How long a burst lasts.
pub(crate) const BURST: Duration = Duration::from_secs(6);
/// More deliveries per second than any build accepts.
pub(crate) const MOST_PER_SECOND: usize = 30_000;
/// Untimed deliveries at the beginning.
pub(crate) const WARM: usize = 500;
/// Seconds of the run at half the peak.
const CALM_SECONDS: f64 = 6.0;
/// How long `up` is idle before its memory is read.
const IDLE: Duration = Duration::from_secs(5);
const PROJECTS: u64 = 100;
const PIPELINES: u64 = 2_000;
const JOBS: u64 = 9;

/// The names of one build's runs.
struct Names {
    kept: &'static str,
    fresh: &'static str,
    calm: &'static str,
    kept_visible: &'static str,
    fresh_visible: &'static str,
}

const THIS: Names = Names {
    kept: "up",
    fresh: "up_fresh",
    calm: "up_calm",
    kept_visible: "up_visible",
    fresh_visible: "up_fresh_visible",
};
const OTHER: Names = Names {
    kept: "against",
    fresh: "against_fresh",
    calm: "against_calm",
    kept_visible: "against_visible",
    fresh_visible: "against_fresh_visible",
};

/// Measures this build, and before it the peer and the build of `--against` in each turn.
pub(crate) async fn measure(gitpulse: PathBuf, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let (sender, bodies) = (Sender::new()?, bodies()?);
    let peer = match options.peer {
        true => Some(Peer::install(&gitpulse, &built::target_folder()?)?),
        false => None,
    };
    let mut builds = vec![(THIS, gitpulse, options.answer_after.as_deref())];
    if let Some(against) = &options.against {
        builds.insert(0, (OTHER, std::path::absolute(against)?, None));
    }
    for _ in 0..options.repeats {
        if let Some(peer) = &peer {
            peer.turn(&sender, &bodies, report).await?;
        }
        for (names, gitpulse, answer_after) in &builds {
            turn(names, (gitpulse, *answer_after), &sender, &bodies, report).await?;
        }
    }
    Ok(())
}

/// One build, on an empty folder.
async fn turn(
    names: &Names,
    (gitpulse, answer_after): (&Path, Option<&str>),
    sender: &Sender,
    bodies: &[Bytes],
    report: &mut Report,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (up, clickhouse) = start(gitpulse, answer_after, folder.path()).await?;
    tokio::time::sleep(IDLE).await;
    let idle = meter::family_mib(up.pid()?);
    let repeat = report.repeat_of(names.kept);
    report.note(format!("{} {repeat}: {idle:.0} MiB idle, with its engines", names.kept));

    let mut sent = WARM as u64;
    let warm = Arc::new(Corpus::sign(sender, "warm", bodies, WARM));
    send(up.address, warm, CONNECTIONS, Pace::Closed, Reuse::Kept).await?;
    check::wait_visible(&clickhouse, sent).await?;

    let most = MOST_PER_SECOND * BURST.as_secs() as usize;
    for (name, visible, reuse) in
        [(names.kept, names.kept_visible, Reuse::Kept), (names.fresh, names.fresh_visible, Reuse::Fresh)]
    {
        let id = format!("{name}-{repeat}");
        let corpus = Arc::new(Corpus::sign(sender, &id, bodies, most));
        let meter = Meter::start(&meter::family(up.pid()?));
        let answers = send(up.address, corpus, CONNECTIONS, Pace::ClosedFor(BURST), reuse).await?;
        let cpu = meter.per_event(answers.accepted.len() as u64);
        let ended = Instant::now();
        let accepted = answers.accepted.len() as u64;
        sent += accepted;
        let waited = check::wait_visible(&clickhouse, sent).await;
        let mut run = Run::new(name, id.clone(), accepted, answers.took);
        run.cpu_us_per_event = cpu;
        run.peak_mib = Some(meter::family_mib(up.pid()?));
        run.fault = answers.fault().or(waited.err().map(|error| error.to_string()));
        run.latencies(answers.latencies());
        report.push(run);
        report.push(Run::new(visible, id, accepted, answers.took + ended.elapsed()));
        let behind = ended.elapsed().as_secs_f64();
        report.note(format!("{name} {repeat}: all visible {behind:.1} s after the burst"));
    }

    let peak = report.median_rate(OTHER.kept).or(report.median_rate(THIS.kept)).context("no burst")?;
    let id = format!("{}-{repeat}", names.calm);
    let corpus = Arc::new(Corpus::sign(sender, &id, bodies, (peak / 2.0 * CALM_SECONDS) as usize));
    let answers = send(up.address, corpus, CONNECTIONS, Pace::Open(peak / 2.0), Reuse::Kept).await?;
    sent += answers.accepted.len() as u64;
    let waited = check::wait_visible(&clickhouse, sent).await;
    let mut run = Run::new(names.calm, id, answers.accepted.len() as u64, answers.took);
    run.fault = answers.fault().or(waited.err().map(|error| error.to_string()));
    run.latencies(answers.latencies());
    report.push(run);

    let stored = check::Stored::count(&clickhouse).await?;
    let of_this_turn = |run: &&mut Run| run.id.ends_with(&format!("-{repeat}"));
    let names = [names.kept, names.fresh, names.calm];
    for run in report.runs.iter_mut().filter(|run| names.contains(&run.name)).filter(of_this_turn) {
        run.fault = run.fault.take().or(stored.fault(&run.id, run.events));
    }
    up.stop().await
}

async fn start(
    gitpulse: &Path,
    answer_after: Option<&str>,
    folder: &Path,
) -> anyhow::Result<(Service, ClickHouse)> {
    let (listen, admin) = (free_address()?, free_address()?);
    let url = format!("http://{}", free_address()?);
    let mut environment = vec![
        ("GITPULSE_DATA_DIR", folder.join("data").into_os_string()),
        ("GITPULSE_KAFKA_BROKERS", free_address()?.to_string().into()),
        ("GITPULSE_CLICKHOUSE_URL", url.clone().into()),
        ("GITPULSE_LISTEN", listen.to_string().into()),
        ("GITPULSE_ADMIN_LISTEN", admin.to_string().into()),
        ("GITLAB_URL", "https://gitlab.example.com".into()),
        ("GITLAB_WEBHOOK_SIGNING_TOKEN", SIGNING_TOKEN.into()),
    ];
    environment.extend(answer_after.map(|what| ("GITPULSE_ANSWER_AFTER", what.into())));
    let command = Command { program: gitpulse.to_owned(), arguments: vec!["up".into()], environment };
    let up = start_service(gitpulse, folder, "up", command, listen, (admin, "/readyz")).await?;
    let clickhouse = ClickHouse::new(&ClickHouseConfig {
        url,
        database: "gitpulse".to_owned(),
        user: "default".to_owned(),
        password: Secret::new(""),
        cluster: None,
    });
    Ok((up, clickhouse))
}

/// Pipelines of nine jobs that a hundred projects have.
fn bodies() -> anyhow::Result<Vec<Bytes>> {
    let examples = benches::examples()?;
    let example = examples.iter().find(|example| example.name == "pipeline/success");
    let example: Value = serde_json::from_slice(&example.context("no example of a pipeline")?.body)?;
    let job = example["builds"][0].clone();
    let bodies = (0..PIPELINES).map(|number| {
        let mut body = example.clone();
        body["project"]["id"] = json!(1 + number % PROJECTS);
        body["object_attributes"]["id"] = json!(10_000 + number);
        body["builds"] = (0..JOBS)
            .map(|index| {
                let mut job = job.clone();
                job["id"] = json!(1_000_000 + number * JOBS + index);
                job["name"] = json!(format!("job-{index}"));
                job
            })
            .collect();
        Bytes::from(body.to_string())
    });
    Ok(bodies.collect())
}
