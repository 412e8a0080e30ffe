//! Reports and explanations with the real metric views. In: one story with a bit of everything, as reported by webhooks. Out: the output, with all
//! rows.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{GITLAB, ran, tell, tell_of};
use crate::deployment::Deployment;
use crate::metrics::around::Incident;
use crate::metrics::runs::{Pipeline, Run};
use crate::metrics::story::{Landing, MergeRequest, PROJECT, Story};
use crate::metrics::work::REVIEWER;

const PRODUCTION: (&str, &str) = ("production", "production");
const WINDOW: [&str; 5] = ["--since", "2026-03-01", "--until", "2026-03-31", "--json"];

/// Merged, deployed after thirty failed tries; blamed for an incident; reviewed by one person, a bot, and one who came too late; with a flaky job.
fn story() -> Story {
    let mut story = Story::default();
    story.merged(&MergeRequest::new(1, "03-02 08:00"), "03-02 10:00", &Landing::Merge("A"));
    let request = MergeRequest::new(2, "03-02 08:00");
    story.opened(&request);
    story.bot_commented(&request, 602, "03-02 08:10");
    story.commented(&request, 601, REVIEWER, "03-02 09:00");
    story.merge(&request, "03-02 11:00", &Landing::Merge("B"));
    story.commented(&request, 603, 9, "03-02 12:00");
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    for attempt in 0..30 {
        let at = format!("03-02 11:{:02}", 10 + attempt);
        story.deployed(502 + attempt, PRODUCTION, "B", &at, "failed");
    }
    story.deployed(532, PRODUCTION, "B", "03-02 12:30", "success");
    story.deployed(541, ("staging-eu", "staging"), "A", "03-02 10:10", "success");
    story.deployed(542, ("staging-us", "staging"), "A", "03-02 10:15", "success");
    story.deployed(543, ("staging-eu", "staging"), "B", "03-02 11:05", "success");
    story.incident(
        &Incident::new(71, "03-02 13:00"),
        &[("03-02 13:00", "open", "Incident"), ("03-02 15:00", "close", "Incident")],
    );
    story.incident(&Incident::new(72, "03-09 13:00"), &[("03-09 13:00", "open", "Incident")]);
    let pipeline = Pipeline::new(9_001, "03-02 09:40");
    let failed = Run::new(9_101, "unit", "failed", "03-02 10:00", "03-02 10:02");
    let passed = Run::new(9_102, "unit", "success", "03-02 10:05", "03-02 10:07");
    story.ran(&pipeline, "success", "03-02 10:10", 600, &[failed, passed]);
    story
}

/// One installation for all tests, which only read.
async fn installed() -> &'static Deployment {
    static ONCE: OnceCell<Deployment> = OnceCell::const_new();
    ONCE.get_or_init(async || {
        let deployment = Deployment::new("report_real");
        tell(&deployment, &story().webhooks).await;
        processor::places::compute(&deployment.client, GITLAB, &[(PROJECT, 1)]).await.unwrap();
        deployment
    })
    .await
}

/// The explanation, as people see it.
fn explained(deployment: &Deployment, arguments: &[&str]) -> String {
    let (code, output, log) = ran(deployment, &[&["explain"], arguments].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {log}");
    output
}

/// Fails if something else is refused, or with other words.
#[track_caller]
fn refused(deployment: &Deployment, arguments: &[&str], expected_code: i32, expected: &str) {
    let (code, output, log) = ran(deployment, arguments);
    assert!(code == Some(expected_code) && log.contains(expected), "{arguments:?}: {code:?} {output} {log}");
}

fn reported(deployment: &Deployment, arguments: &[&str]) -> Value {
    let (code, output, log) = ran(deployment, &[&["report"], arguments, &WINDOW].concat());
    assert_eq!(code, Some(0), "{arguments:?}: {log}");
    serde_json::from_str(&output).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_and_its_incident_are_explained() {
    let deployment = installed().await;
    let failed = explained(deployment, &["change-failure", "--deployment", "532"]);
    for expected in [
        "Change failure of deployment 532 to production: failed by incident, mended after 2 h",
        "deployment 532 to production, success: this one",
        "incident #71 was opened",
        "incident #71 was closed for the last time",
    ] {
        assert!(failed.contains(expected), "{expected}: {failed}");
    }
    let blamed = explained(deployment, &["change-failure", "--incident", "shop/checkout#71"]);
    for expected in [
        "Incident shop/checkout#71: blamed on deployment 532, restored after 2 h",
        "incident #71 was opened",
        "deployment 532 to production, success: the last success in production before it",
    ] {
        assert!(blamed.contains(expected), "{expected}: {blamed}");
    }
    let alone = explained(deployment, &["change-failure", "--incident", "shop/checkout#72"]);
    assert!(
        alone.contains("blamed on no deployment") && alone.contains("incident #72 was opened"),
        "{alone}"
    );
    assert!(!alone.contains("incident #71") && !alone.contains("deployment 5"), "{alone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployment_that_delivered_is_shown_after_however_many_attempts() {
    let deployment = installed().await;
    let question = ["lead-time", "--merge-request", "shop/checkout!2"];
    let shown = explained(deployment, &question);
    for expected in [
        "deployment 501 to production, success: the first success on record, the baseline",
        "deployment 532 to production, success: the first success at its place or beyond, which brought it",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let all: Value =
        serde_json::from_str(&explained(deployment, &[&question[..], &["--json"]].concat())).unwrap();
    let said = |words: &str| {
        let steps = all["steps"].as_array().unwrap().iter();
        steps.filter(|step| step["what"].as_str().unwrap().contains(words)).count()
    };
    assert_eq!((said("brought nothing"), said("which brought it")), (30, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_without_a_lead_time_of_its_own_is_told_from_one_that_is_not_there() {
    let deployment = installed().await;
    let check = |place: &[&str], expected: &str| {
        let arguments = [&["explain", "lead-time", "--merge-request", "shop/checkout!2"], place].concat();
        refused(deployment, &arguments, 1, expected);
    };
    check(&["--environment", "staging-eu"], "staging-eu is one of several environments of the tier staging");
    check(
        &["--environment", "nowhere"],
        "never deployed to nowhere; it did to: production, staging-eu, staging-us",
    );
    check(&["--tier", "testing"], "never deployed to testing; it did to: production, staging");
    let there =
        explained(deployment, &["lead-time", "--merge-request", "42!2", "--environment", "production"]);
    assert!(there.contains("to the environment production: 1 h 30 min from its merge"), "{there}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_time_is_made_of_what_people_did_until_the_merge() {
    let deployment = installed().await;
    let cycle = explained(deployment, &["cycle-time", "--merge-request", "shop/checkout!2"]);
    assert!(cycle.contains("pickup 1 h") && cycle.contains("first review, by user 8"), "{cycle}");
    assert_eq!(cycle.matches("  commented by ").count(), 1, "{cycle}");
    assert!(!cycle.contains("_bot") && !cycle.contains("12:00:00"), "{cycle}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flaky_job_is_explained() {
    let deployment = installed().await;
    let flaky = explained(deployment, &["flaky", "--pipeline", "9001"]);
    for expected in
        ["unit, 2 min for nothing", "unit, attempt 1: failed (script)", "unit, attempt 2: success"]
    {
        assert!(flaky.contains(expected), "{expected}: {flaky}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_production_nothing_is_said_of_incidents() {
    let deployment = installed().await;
    let has = |answer: &Value, measure: &str| answer["measures"].get(measure).is_some();
    let of_incidents =
        ["change_failure_by_incident_ratio", "gitlab_change_failure_ratio", "gitlab_time_to_restore_seconds"];
    let production = reported(deployment, &["dora", "--environment", "production"]);
    assert!(of_incidents.iter().all(|measure| has(&production, measure)), "{production:#}");
    for place in [["--tier", "staging"], ["--environment", "staging-eu"]] {
        let answer = reported(deployment, &[&["dora"], &place[..]].concat());
        assert!(!of_incidents.iter().any(|measure| has(&answer, measure)), "{answer:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_whose_lead_times_nobody_computes_has_none_and_says_so() {
    let deployment = installed().await;
    let shared = reported(deployment, &["dora", "--environment", "staging-eu"]);
    assert!(shared["measures"].get("lead_time_from_merge_p50_seconds").is_none(), "{shared:#}");
    let said = shared["notes"].to_string();
    assert!(said.contains("staging-eu is one of several environments of the tier staging"), "{said}");
    let alone = reported(deployment, &["dora", "--environment", "production"]);
    assert_eq!(alone["measures"]["lead_time_from_merge_p50_seconds"]["value"], 5_400.0);
    assert_eq!(alone["measures"]["lead_time_from_merge_p50_seconds"]["things_count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_to_restore_is_of_the_incidents_that_were_closed() {
    let deployment = installed().await;
    let answer = reported(deployment, &["dora"]);
    let restored = &answer["measures"]["restore_by_incident_p50_seconds"];
    assert_eq!((restored["value"].as_f64(), restored["things_count"].as_u64()), (Some(7_200.0), Some(1)));
    let covered = json!({ "counted": 1, "of": 2, "of_what": "opened", "reasons": { "open": 1 } });
    assert_eq!(restored["coverage"], covered);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_is_a_person_who_came_before_the_merge() {
    let deployment = installed().await;
    let reviewers = |authors: &str| {
        reported(deployment, &["contributors", "--authors", authors])["measures"]["reviewers_count"]["value"]
            .clone()
    };
    assert_eq!((reviewers("people"), reviewers("bots"), reviewers("all")), (json!(1), json!(1), json!(2)));
    let comments = reported(deployment, &["merge-requests"])["measures"]["comments_mean"]["value"].clone();
    assert_eq!(comments, json!(1.0), "two of one, none of the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_bot_did_is_not_called_unknown() {
    let deployment = installed().await;
    let question =
        ["report", "merge-requests", "--authors", "bots", "--since", "2026-03-01", "--until", "2026-03-31"];
    refused(
        deployment,
        &question,
        1,
        "there are no merge requests by bots on record: `--authors all` counts those of people",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_two_gitlabs_have_is_not_guessed() {
    let deployment = Deployment::new("report_two");
    let records = story().webhooks;
    let other = "https://other.example.com";
    tell(&deployment, &records).await;
    tell_of(&deployment, other, &records).await;
    for instance in [GITLAB, other] {
        processor::places::compute(&deployment.client, instance, &[(PROJECT, 1)]).await.unwrap();
    }
    let several = "choose one with --gitlab https://gitlab.example.com or https://other.example.com";
    for question in [["change-failure", "--deployment", "532"], ["flaky", "--pipeline", "9001"]] {
        refused(&deployment, &[&["explain"], &question[..]].concat(), 2, several);
        let chosen =
            explained(&deployment, &[&question[..], &["--gitlab", "https://other.example.com/"]].concat());
        assert!(!chosen.contains(": none"), "{chosen}");
        let none = [&["explain"], &question[..], &["--gitlab", "https://nobody.example.com"]].concat();
        refused(&deployment, &none, 2, ", not to https://nobody.example.com");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_how_much_of_history_is_read() {
    let deployment = Deployment::new("report_history");
    tell(&deployment, &story().webhooks).await;
    let notes = || reported(&deployment, &["dora"])["notes"].to_string();
    assert!(!notes().contains("History is"), "{}", notes());
    let insert = |values: &str| {
        let columns = "instance, owner_id, list, state, requests, objects, outcome, message";
        let statement = format!("INSERT INTO backfill_checkpoints ({columns}) VALUES {values}");
        let client = deployment.client.clone();
        async move { client.query_raw(&statement).execute().await.unwrap() }
    };
    let read = r#"{"whole":{"read_at":"2026-03-31T00:00:00Z","first":null,"open":null}}"#;
    let begun = r#"{"updated":{"span":null,"open":null,"last_pages":0}}"#;
    let row = |list: &str, state: &str, outcome: &str| {
        format!("('{GITLAB}', 42, '{list}', '{state}', 1, 1, '{outcome}', '403')")
    };
    insert(
        &[
            row("tags", read, "complete"),
            row("issues", begun, "reading"),
            row("deployments", begun, "skipped"),
        ]
        .join(", "),
    )
    .await;
    let said = notes();
    assert!(said.contains("History is being read: 2 of 3 lists of these projects are read. "), "{said}");
    assert!(said.contains("GitLab does not show its list of deployments of shop/checkout"), "{said}");
    insert(&row("issues", r#"{"updated":{"span":{"from":"1999-12-25T00:00:00Z","until":"2026-03-31T00:00:00Z"},"open":null,"last_pages":1}}"#, "complete")).await;
    assert!(!notes().contains("History is"), "{}", notes());
}
