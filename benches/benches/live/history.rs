//! History: pages of events to Kafka. In: the API of an invented GitLab, in a process of its own. Out: how fast `gitpulse backfill` publishes them
//! with Kafka's acknowledgement, compared with the same client of the API that drops the pages.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::{StreamExt, stream};
use gitlab::{ApiConfig, Audit, Client, Limit};
use runtime::Secret;
use tokio::process::Command;

use crate::Options;
use crate::installation::{Installation, Service};
use crate::meter::{Meter, peak_mib};
use crate::report::{Report, Run};

/// Lists and their filters: lists that GitLab only limits by the rate of the token, which is high here.
const LISTS: [(&str, (&str, &str)); 3] = [
    ("pushes", ("action", "pushed")),
    ("merge_request_events", ("target_type", "merge_request")),
    ("issue_events", ("target_type", "issue")),
];
/// The token that the simulator accepts.
const TOKEN: &str = "glpat-simulated";
/// Lists that are read at the same time, as by `gitpulse backfill`.
const AT_A_TIME: usize = 12;
/// The client's maximum; the simulator has no limits here.
const REQUESTS_PER_MINUTE: u32 = 60_000;
/// How often memory is measured.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(3_600);

/// All runs of history, interleaved.
pub(crate) async fn measure(
    installation: &Installation,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let gitlab = installation.simulated_gitlab(options.projects, options.days).await?;
    for repeat in 0..options.repeats {
        let name = format!("history{repeat}");
        installation.migrate(&name).await?;
        let bare = bare(installation, &gitlab, &name).await?;
        let events = bare.events;
        report.push(bare);
        let mut run = backfill(installation, &gitlab, &name).await?;
        if run.events != events {
            run.fault = Some(format!("{} events of {events} are in Kafka", run.events));
        }
        report.push(run);
    }
    gitlab.stop().await
}

/// Lists the events of all projects, and drops them.
async fn bare(installation: &Installation, gitlab: &Service, name: &str) -> anyhow::Result<Run> {
    let url = format!("http://{}", gitlab.address);
    let config = ApiConfig {
        requests_per_minute: REQUESTS_PER_MINUTE,
        ..ApiConfig::new(Some(url), Some(Secret::new(TOKEN)))
    };
    let client = Client::new(&config, Audit::none())?;
    let query = [("include_subgroups", "true"), ("with_shared", "false"), ("per_page", "100")];
    let query: Vec<(&str, String)> = query.map(|(name, value)| (name, value.to_owned())).to_vec();
    let mut projects = Vec::new();
    let mut page = client.list(Limit::GroupProjects, "groups/factory/projects", &query).await?;
    loop {
        for project in &page.items {
            let project: serde_json::Value = serde_json::from_str(project.get())?;
            projects.push(project["id"].as_u64().context("a project without an id")?);
        }
        let Some(next) = page.next else { break };
        page = client.next(&next).await?;
    }
    let mut processes = installation.pids();
    processes.push(("gitlab", gitlab.pid()?));
    let (meter, started) = (Meter::start(&processes), Instant::now());
    let events_of = |(project, (name, value)): (u64, (&'static str, &'static str))| {
        let client = &client;
        async move {
            let query = vec![(name, value.to_owned()), ("per_page", "100".to_owned())];
            let mut page = client.list(Limit::General, &format!("projects/{project}/events"), &query).await?;
            let mut events = page.items.len() as u64;
            while let Some(next) = page.next {
                page = client.next(&next).await?;
                events += page.items.len() as u64;
            }
            anyhow::Ok(events)
        }
    };
    let lists = projects.into_iter().flat_map(|project| LISTS.map(|(_, filter)| (project, filter)));
    let mut listed = stream::iter(lists).map(events_of).buffer_unordered(AT_A_TIME);
    let mut events = 0;
    while let Some(listed) = listed.next().await {
        events += listed?;
    }
    let mut run = Run::new("bare_history", name.to_owned(), events, started.elapsed());
    run.cpu_us_per_event = meter.per_event(events);
    Ok(run)
}

/// Runs `gitpulse backfill` for the events of all projects.
async fn backfill(installation: &Installation, gitlab: &Service, name: &str) -> anyhow::Result<Run> {
    let lists = LISTS.map(|(list, _)| list).join(",");
    let mut command = command(installation, gitlab, name, &lists)?;
    command.env("GITLAB_TOKEN", TOKEN);
    let run = Run::new("history", name.to_owned(), 0, Duration::ZERO);
    run_to_its_end(installation, gitlab, command, run, LIMIT).await
}

/// `gitpulse backfill` of some lists, without a token.
pub(crate) fn command(
    installation: &Installation,
    gitlab: &Service,
    name: &str,
    lists: &str,
) -> anyhow::Result<Command> {
    let mut command = Command::from(installation.gitpulse(name)?);
    command
        .args(["backfill", "--group", "factory", "--only", lists])
        .env("GITLAB_URL", format!("http://{}", gitlab.address))
        .env("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", REQUESTS_PER_MINUTE.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

/// Runs it, and measures its memory meanwhile. `run` is its name.
pub(crate) async fn run_to_its_end(
    installation: &Installation,
    gitlab: &Service,
    mut command: Command,
    run: Run,
    limit: Duration,
) -> anyhow::Result<Run> {
    let mut processes = installation.pids();
    processes.push(("gitlab", gitlab.pid()?));
    let (meter, started) = (Meter::start(&processes), Instant::now());
    let child = command.spawn().context("gitpulse cannot be started")?;
    let pid = child.id().context("gitpulse ended at once")?;
    let mut output = std::pin::pin!(child.wait_with_output());
    let mut peak = 0.0f64;
    let output = loop {
        tokio::select! {
            output = &mut output => break output?,
            () = tokio::time::sleep(LOOK_EVERY) => peak = peak.max(peak_mib(pid).unwrap_or_default()),
        }
        anyhow::ensure!(started.elapsed() < limit, "history was not read in time");
    };
    let took = started.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(output.status.success(), "gitpulse backfill: {said}");
    let objects = said.split(' ').next().and_then(|count| count.parse().ok());
    let objects: u64 = objects.with_context(|| format!("gitpulse backfill does not say how much: {said}"))?;
    let mut run = Run::new(run.name, run.id, objects, took);
    run.cpu_us_per_event = meter.per_event(objects);
    run.peak_mib = Some(peak);
    Ok(run)
}
