//! The output of backfill: its cost, its progress, and `up` that reads history beside its webhooks. GitLab is the API of a world whose truth is
//! known.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use simulator::api::Version;
use simulator::gitlab::WorldConfig;

use crate::backfill::{GITLAB_TOKEN, Served, serve};
use crate::deployment::{Deployment, Role, eventually};
use crate::up::{push, settings};

/// An installation that reads this GitLab.
fn reading(deployment: Deployment, served: &Served) -> Deployment {
    deployment
        .with("GITLAB_URL", &served.world.config().url)
        .with("GITLAB_TOKEN", GITLAB_TOKEN)
        .with("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", "60000")
}

/// How many rows of a table the world has.
fn truth(served: &Served, table: &str) -> u64 {
    served.world.truth(served.world.config().ends_at()).filter(|row| row.table == table).count() as u64
}

/// The output of `status`, and its exit code.
fn status(deployment: &Deployment) -> (Value, Option<i32>) {
    let output = deployment.command(&["backfill", "status", "--json"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let read = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{:?}", output.stderr));
    (read, output.status.code())
}

/// The number before a word in a text with thousands separated.
fn number_before(text: &str, word: &str) -> u64 {
    let (before, _) = text.split_once(word).unwrap_or_else(|| panic!("no {word:?} in {text}"));
    before.trim().rsplit(' ').next().unwrap().replace(',', "").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_says_what_a_run_costs_and_status_how_far_it_is() {
    let served = serve(WorldConfig::new(7, 3, 28), Version::V19).await;
    let deployment = reading(Deployment::new("plan"), &served);
    let (nothing, code) = status(&deployment);
    assert_eq!((&nothing["complete"], code), (&Value::Bool(false), Some(1)), "nothing was read yet");

    let plan = deployment.output(&["backfill", "--group", "factory", "--dry-run"]);
    let of_list = |list: &str| {
        let line = plan.lines().find(|line| line.split_whitespace().next() == Some(list));
        line.unwrap_or_else(|| panic!("no {list} in {plan}"))
            .split_whitespace()
            .nth(1)
            .unwrap()
            .replace(',', "")
    };
    assert_eq!(of_list("merge_requests"), truth(&served, "merge_requests").to_string(), "{plan}");
    assert_eq!(of_list("issues"), truth(&served, "issues").to_string(), "{plan}");
    assert_eq!(of_list("deployments"), truth(&served, "deployments").to_string(), "{plan}");
    let sure = number_before(plan.split_once("An estimate: at least").unwrap().1, " requests");
    let asked_by_the_plan = served.requests.total();
    assert_eq!(
        number_before(plan.split_once("Finding that out took").unwrap().1, " requests"),
        asked_by_the_plan
    );

    let said = deployment.output(&["backfill", "--group", "factory"]);
    let read = number_before(&said, " requests");
    assert!(read >= sure, "the plan said at least {sure}, but: {said}");
    let (all, code) = status(&deployment);
    assert_eq!((&all["complete"], code), (&Value::Bool(true), Some(0)), "{all}");
    let lists = all["lists"].as_array().unwrap();
    let requests: u64 = lists.iter().map(|list| list["requests"].as_u64().unwrap()).sum();
    assert!(requests <= read && requests + 20 > read, "{requests} of {read}: the others found the projects");
    assert!(lists.iter().all(|list| list["until"].is_string()), "{all}");

    // What was read is not read again.
    let plan = deployment.output(&["backfill", "--group", "factory", "--dry-run"]);
    let again = number_before(plan.split_once("An estimate: at least").unwrap().1, " requests");
    assert!(again < sure, "{again}, before it was {sure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn following_looks_again_after_each_pause_until_it_is_stopped() {
    let served = serve(WorldConfig::new(7, 1, 14), Version::V19).await;
    let deployment = reading(Deployment::new("following"), &served);
    let arguments = ["backfill", "--group", "factory", "--only", "issues,releases", "--follow=1s"];
    let mut child = deployment.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.contains("0 failed, 0 interrupted"), "{first}");
    assert!(number_before(&first, " objects") > 0, "{first}");
    let second = lines.next().unwrap();
    assert!(second.contains("0 failed, 0 interrupted"), "{second}");
    assert!(number_before(&second, " objects") < number_before(&first, " objects"), "{second}");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    // It may be stopped during a run, which changes nothing of what it had read.
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn up_reads_history_beside_its_webhooks_and_bears_a_gitlab_that_goes_away() {
    let served = serve(WorldConfig::new(7, 2, 28), Version::V19).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = reading(settings(&folder.path().join("data")), &served);
    let up = ["up", "--group", "factory", "--follow=1s"];
    let mut up = Role::start(settings.command(&up), "serving /metrics");
    push(&settings, folder.path(), "beside").await;
    for table in ["merge_requests", "issues", "pipelines", "jobs", "deployments"] {
        settings.until_count(&format!("SELECT count() FROM {table}"), truth(&served, table)).await;
    }
    let mut said = String::new();
    let mut says = async |what: &str| {
        eventually(what, async || {
            said.push_str(&up.log());
            if said.contains(what) { Ok(()) } else { Err(said.clone()) }
        })
        .await;
    };
    says("history is read as far as GitLab shows it").await;
    // Between two runs: during one, its lists are not complete.
    eventually("all is complete", async || {
        let (all, code) = status(&settings);
        if (&all["complete"], code) == (&Value::Bool(true), Some(0)) { Ok(()) } else { Err(all.to_string()) }
    })
    .await;
    let asked = served.requests.total();
    eventually("it looks again", async || {
        if served.requests.total() > asked { Ok(()) } else { Err(asked.to_string()) }
    })
    .await;

    served.stop.cancel();
    // Whether it goes away between two runs or during one.
    says("does not answer").await;
    push(&settings, folder.path(), "afterwards").await;
    assert_eq!(up.terminate(), Some(0), "{}", up.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn up_says_before_it_starts_anything_that_a_group_needs_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("data")).with("GITLAB_URL", "https://gitlab.example.com");
    let output = settings.command(&["up", "--group", "factory"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("GITLAB_TOKEN is not set"), "{said}");
}
