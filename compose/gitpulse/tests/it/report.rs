//! `gitpulse report` and `gitpulse explain` as users run them. In: GitLab's reports, and rows that replace those of the metric views, so that each
//! number can be computed by hand. Out: the output, and the exit code.

mod explain;
mod page;
mod real;
mod told;

use std::process::Output;
use std::time::Duration;

use processor::insert::{Destination, Store};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::deployment::Deployment;
use crate::law::records::{Record, body};

/// Rows of the metric views, in tables with their names.
const MEASURED: &str = include_str!("report/measured.sql");
const WINDOW: [&str; 4] = ["--since", "2026-10-05", "--until", "2026-11-01"];
const GITLAB: &str = "https://gitlab.example.com";

/// One installation for all tests, which only read.
async fn measured() -> &'static Deployment {
    static MEASURED_ONCE: OnceCell<Deployment> = OnceCell::const_new();
    MEASURED_ONCE
        .get_or_init(async || {
            let deployment = Deployment::new("report");
            tell(&deployment, &told()).await;
            for statement in MEASURED.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
                if let Some(rest) = statement.strip_prefix("CREATE TABLE ") {
                    let name = rest.split(' ').next().unwrap();
                    run(&deployment, &format!("DROP VIEW IF EXISTS {name}")).await;
                }
                run(&deployment, statement).await;
            }
            deployment
        })
        .await
}

async fn run(deployment: &Deployment, statement: &str) {
    let ran = deployment.client.query_raw(statement).execute().await;
    ran.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Inserts the processor's rows of records, each record in a batch of its own.
async fn tell(deployment: &Deployment, records: &[Record]) {
    tell_of(deployment, GITLAB, records).await;
}

/// The same for another GitLab.
async fn tell_of(deployment: &Deployment, instance: &str, records: &[Record]) {
    let metrics = processor::Metrics::register(&prometheus::Registry::new()).unwrap();
    let timeout = Duration::from_secs(60);
    let client = &deployment.client;
    let store = Store { client, destination: Destination::Live, timeout, metrics: &metrics };
    for record in records {
        store.insert(&record.rows(instance)).await.unwrap();
    }
}

/// The things behind the numbers: merge requests, deployments, an incident and jobs of project 42, and another project.
fn told() -> Vec<Record> {
    let changed = |name: &str, changes: &[(&str, Value)]| {
        let mut body = body(name);
        for (pointer, value) in changes {
            *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = value.clone();
        }
        Record::webhook(&body)
    };
    let mut records = vec![changed(
        "deployment/success.webhook",
        &[("/project/id", json!(43)), ("/project/path_with_namespace", json!("shop/catalog"))],
    )];
    for iid in 3..=11 {
        records.push(changed(
            "merge_request/merge.webhook",
            &[("/object_attributes/iid", json!(iid)), ("/object_attributes/id", json!(70_000 + iid))],
        ));
    }
    records.push(changed(
        "merge_request/open.webhook",
        &[("/object_attributes/iid", json!(12)), ("/object_attributes/id", json!(70_012))],
    ));
    let of_id = |id: u64, environment: &str, tier: &str| {
        let place = [("/environment", json!(environment)), ("/environment_tier", json!(tier))];
        changed("deployment/success.webhook", &[&[("/deployment_id", json!(id))], &place[..]].concat())
    };
    for id in 501..=518 {
        records.push(of_id(id, if id == 514 { "prod-us" } else { "production" }, "production"));
    }
    records.push(of_id(520, "staging", "staging"));
    records.push(changed(
        "issue/incident_opened.webhook",
        &[("/object_attributes/id", json!(9_031)), ("/object_attributes/iid", json!(31))],
    ));
    for job in [70_101, 70_109] {
        records.push(changed(
            "job/success.webhook",
            &[("/build_id", json!(job)), ("/pipeline_id", json!(7_010))],
        ));
    }
    records
}

/// Runs a command; returns its exit code, its output and its log.
fn ran(deployment: &Deployment, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output: Output = deployment.command(arguments).env("NO_COLOR", "1").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The JSON of a report on the window.
fn json_of(deployment: &Deployment, about: &[&str]) -> Value {
    let arguments = [&["report"], about, &WINDOW, &["--json"]].concat();
    let (code, output, log) = ran(deployment, &arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {log}");
    serde_json::from_str(&output).unwrap()
}

/// The measures of an answer, each as value, then the value before.
#[track_caller]
fn check(answer: &Value, measure: &str, value: Value, before: Value) {
    let found = &answer["measures"][measure];
    let near = |found: &Value, expected: &Value| match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        _ => found == expected,
    };
    assert!(near(&found["value"], &value) && near(&found["before"], &before), "{measure}: {found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dora_counts_each_deployment_and_each_merge_request_once() {
    let deployment = measured().await;
    let answer = json_of(deployment, &["dora", "--project", "shop/checkout"]);
    check(&answer, "deployments_count", json!(7), json!(2));
    check(&answer, "deployments_per_day", json!(0.25), json!(2.0 / 28.0));
    check(&answer, "changes_per_day", json!(5.0 / 28.0), json!(2.0 / 28.0));
    check(&answer, "distinct_changes_per_day", json!(4.0 / 28.0), json!(2.0 / 28.0));
    check(&answer, "repeats_count", json!(1), json!(0));
    check(&answer, "rollbacks_count", json!(1), json!(0));
    // 1 h, 2 h, 6 h, 1 d, 1 d.
    check(&answer, "lead_time_from_merge_p50_seconds", json!(21_600), json!(86_400));
    check(&answer, "lead_time_from_merge_p90_seconds", json!(86_400), json!(86_400));
    // 4 h, 1 d, 1 d, 3 d; before, 2 d and 4 d.
    check(&answer, "lead_time_from_first_commit_p50_seconds", json!(86_400), json!(259_200));
    check(&answer, "change_failure_by_incident_ratio", json!(1.0 / 7.0), json!(0));
    check(&answer, "failed_deployments_ratio", json!(0.125), json!(0));
    check(&answer, "restore_by_incident_p50_seconds", json!(7_200), Value::Null);
    check(&answer, "recovery_of_failed_deployments_p50_seconds", json!(1_200), Value::Null);
    check(&answer, "recovery_by_rollback_p50_seconds", json!(720), Value::Null);
    check(&answer, "gitlab_change_failure_ratio", json!(2.0 / 6.0), Value::Null);
    let covered = &answer["measures"]["lead_time_from_merge_p50_seconds"]["coverage"];
    let reasons = json!({ "awaiting": 1, "branch_not_deployed": 1, "promotion": 1 });
    assert_eq!(*covered, json!({ "counted": 5, "of": 6, "of_what": "merged", "reasons": reasons }));
    assert_eq!(answer["measures"]["lead_time_from_merge_p50_seconds"]["things_count"], 5);
    let incidents = &answer["measures"]["incidents_count"]["coverage"];
    assert_eq!(
        *incidents,
        json!({ "counted": 1, "of": 2, "of_what": "opened: blamed on a deployment", "reasons": { "unattributed": 1 } })
    );
    let steps: Vec<u64> = answer["measures"]["deployments_count"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["value"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [1, 2, 2, 2]);
    assert_eq!(answer["on_record_since"], "2026-09-01");
    assert_eq!(answer["measures"]["lead_time_from_first_commit_p50_seconds"]["level"], "high");
    let by = &answer["tables"]["by_environment"];
    assert_eq!(by[0]["environment"], "production");
    assert_eq!(
        (by[0]["deployments_count"].as_u64(), by[1]["deployments_count"].as_u64()),
        (Some(6), Some(1))
    );
    // For two merge requests, 1 d 1 h 40 min and 2 h 40 min.
    assert_eq!(by[1]["environment_lead_time_from_merge_p50_seconds"], json!(51_000.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_76_a_median_is_of_all_things_of_the_window() {
    let deployment = measured().await;
    let answer = json_of(deployment, &["dora", "--group", "shop"]);
    // 1 h, 2 h, 6 h, 1 d, 1 d.
    check(&answer, "lead_time_from_merge_p50_seconds", json!(21_600), json!(86_400));
    let of_days: f64 = deployment
        .value(
            "SELECT assumeNotNull(quantileExactInclusive(0.5)(daily)) FROM ( \
             SELECT quantileExactInclusive(0.5)(lead_time_seconds) AS daily FROM lead_times WHERE tier = 'production' \
             AND deployed_at >= '2026-10-05' AND deployed_at < '2026-11-02' GROUP BY toDate(deployed_at))",
        )
        .await;
    assert!(
        (of_days - 21_600.0).abs() > 1.0,
        "the median of the medians of days is {of_days}: it shows nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn case_77_a_frequency_is_of_the_days_that_were_asked_for() {
    let deployment = measured().await;
    let window = ["--since", "2026-08-01", "--until", "2026-11-01", "--json"];
    let (_, output, log) = ran(deployment, &[&["report", "dora"], &window[..]].concat());
    let answer: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {log}"));
    // Ten in 93 days, of which 31 were before the first on record.
    check(&answer, "deployments_count", json!(10), json!(0));
    check(&answer, "deployments_per_day", json!(10.0 / 93.0), json!(0));
    assert_eq!(answer["on_record_since"], "2026-09-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_an_environment_and_a_zone_choose_what_is_counted() {
    let deployment = measured().await;
    let of = |arguments: &[&str]| json_of(deployment, &[&["dora"], arguments].concat());
    check(&of(&["--tier", "staging"]), "deployments_count", json!(1), json!(0));
    check(&of(&["--environment", "prod-us"]), "deployments_count", json!(1), json!(0));
    check(&of(&["--environment", "prod-us"]), "lead_time_from_merge_p50_seconds", json!(51_000), Value::Null);
    // 2026-10-06 10:00 UTC is the 7th in Kiritimati, so that weeks begin elsewhere: deployments of Tuesday 16:00 and 17:00 are Wednesday's, in the
    // same week.
    let (_, csv, _) = ran(
        deployment,
        &[
            "report",
            "dora",
            "--since",
            "2026-10-07",
            "--until",
            "2026-10-07",
            "--zone",
            "Pacific/Kiritimati",
            "--csv",
        ],
    );
    assert!(
        csv.contains("\ndora,,,window,2026-10-07,2026-10-07,Pacific/Kiritimati,deployments_count,,1,,,,\n"),
        "{csv}"
    );
    let (code, _, log) =
        ran(deployment, &["report", "dora", "--since", "2026-10-07", "--until", "2026-10-07"]);
    assert_eq!(code, Some(0), "the day before has one: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn merge_requests_are_of_people_and_without_promotions() {
    let deployment = measured().await;
    let answer = json_of(deployment, &["merge-requests", "--by", "author"]);
    // !4, 5, 6, 7, 8 and 10; !9 is a bot's, !11 a promotion, !12 is open.
    check(&answer, "merged_count", json!(6), json!(1));
    check(&answer, "unreviewed_ratio", json!(1.0 / 6.0), json!(0));
    // 3 h, 18 h, 22 h, 1 d, 1 d, 2 d.
    check(&answer, "cycle_p50_seconds", json!(82_800), json!(259_200));
    check(&answer, "open_count", json!(1), json!(0));
    // Open since 2026-10-23 00:00, as of the end of 2026-11-01.
    check(&answer, "open_age_p50_seconds", json!(864_000), Value::Null);
    let size = &answer["measures"]["size_p50_lines"]["coverage"];
    assert_eq!(*size, json!({ "counted": 5, "of": 6, "reasons": { "size_unknown": 1 } }));
    let pickup = &answer["measures"]["pickup_p50_seconds"]["coverage"];
    assert_eq!(*pickup, json!({ "counted": 5, "of": 6, "reasons": { "unreviewed": 1 } }));
    let coding = &answer["measures"]["coding_p50_seconds"]["coverage"];
    assert_eq!(*coding, json!({ "counted": 5, "of": 6, "reasons": { "first_commit_unknown": 1 } }));
    // At the end of each week one is open: !5 for 11 h 40 min, !7 for 15 h, !12 for 3 and 10 days.
    let ages = answer["measures"]["open_age_p50_seconds"]["steps"].as_array().unwrap().iter();
    let ages: Vec<Option<f64>> = ages.map(|step| step["value"].as_f64()).collect();
    assert_eq!(ages, [42_000.0, 54_000.0, 259_200.0, 864_000.0].map(Some));
    assert_eq!(answer["tables"]["by_author"].as_array().unwrap().len(), 2);
    check(&json_of(deployment, &["merge-requests", "--authors", "bots"]), "merged_count", json!(1), json!(0));
    check(&json_of(deployment, &["merge-requests", "--authors", "all"]), "merged_count", json!(7), json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_answers_in_three_forms() {
    let deployment = measured().await;
    for about in ["dora", "merge-requests", "pipelines", "jobs", "issues", "contributors", "releases"] {
        let answer = json_of(deployment, &[about]);
        assert_eq!(answer["report"], about);
        let measures = answer["measures"].as_object().unwrap();
        assert!(
            measures.values().any(|measure| measure["value"].as_f64() > Some(0.0)),
            "{about}: {answer:#}"
        );
        let text = deployment.output(&[&["report", about], &WINDOW[..]].concat());
        assert!(
            text.contains("2026-10-05 to 2026-11-01 (28 days of UTC)") && !text.contains('\u{1b}'),
            "{text}"
        );
        let csv = deployment.output(&[&["report", about], &WINDOW[..], &["--csv"]].concat());
        let head = "report,by,subject,span,since,until,zone,measure,reason,value,counted,of,level,things\n";
        assert!(csv.starts_with(head), "{csv}");
        let columns = csv.lines().filter(|line| !line.contains('"')).map(|line| line.matches(',').count());
        assert!(columns.clone().count() > 10 && columns.clone().all(|commas| commas == 13), "{csv}");
        for name in measures.keys() {
            assert!(csv.contains(&format!(",UTC,{name},")), "{name} is not in the rows of {about}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_two_projects_is_one_of_their_group() {
    let deployment = measured().await;
    let one = json_of(deployment, &["contributors", "--project", "42"]);
    let both = json_of(deployment, &["contributors", "--group", "shop"]);
    let count = |answer: &Value| answer["measures"]["commits_count"]["value"].as_u64().unwrap();
    assert!(count(&one) > 0 && count(&one) == count(&both), "{} {}", count(&one), count(&both));
    check(&both, "unlisted_commits_count", json!(15), json!(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_passed_after_it_failed_is_flaky() {
    let deployment = measured().await;
    let answer = json_of(deployment, &["jobs"]);
    let flaky = answer["measures"]["flaky_count"]["value"].as_u64();
    let known: u64 = deployment
        .value("SELECT count() FROM flaky_jobs WHERE passed_at >= '2026-10-05' AND passed_at < '2026-11-02'")
        .await;
    assert_eq!(flaky, Some(known));
    // `test 1/2` and `test 2/2` count as one.
    let names: Vec<&str> = answer["tables"]["slowest"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["job"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["deploy", "test", "lint"]);
    // With another grouping, all jobs count.
    let by_stage = json_of(deployment, &["jobs", "--by", "stage", "--project", "42"]);
    assert_eq!(by_stage["scope"]["names"], json!(["shop/checkout"]));
    let window = ["--since", "2026-09-07", "--until", "2026-11-01", "--json"];
    let (_, output, _) = ran(deployment, &[&["report", "jobs", "--by", "stage"], &window[..]].concat());
    let by_stage: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(by_stage["tables"]["flaky"][0]["stage"], "check", "{by_stage:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_says_what_to_ask() {
    let deployment = measured().await;
    let check = |arguments: &[&str], expected_code: i32, expected: &str| {
        let (code, output, log) = ran(deployment, arguments);
        assert!(
            code == Some(expected_code) && log.contains(expected),
            "{arguments:?}: {code:?} {output} {log}"
        );
    };
    let dora = |arguments: &[&'static str]| [&["report", "dora"], arguments].concat();
    check(
        &dora(&["--project", "shop/chekout"]),
        2,
        r#"no project "shop/chekout" on record; the nearest: shop/checkout"#,
    );
    check(&dora(&["--project", "checkout"]), 2, "the nearest: shop/checkout");
    check(
        &dora(&["--project", "99"]),
        2,
        "no project 99 on record; numbers are those of GitLab's API, such as 42 (shop/checkout), 43 (shop/catalog)",
    );
    check(&["report", "jobs", "--limit", "0"], 2, "write how many rows, 1 or more");
    check(&dora(&["--group", "shops"]), 2, r#"no group "shops" on record; the nearest: shop"#);
    check(
        &dora(&["--since", "2026-11-02", "--until", "2026-10-05"]),
        2,
        "--since 2026-10-05 --until 2026-11-02",
    );
    check(&dora(&["--since", "2026-02-30"]), 2, "write a date as 2026-11-22");
    check(
        &dora(&["--zone", "Europe/Berln"]),
        2,
        "no time zone \"Europe/Berln\"; zones have IANA names, such as Europe/Berlin",
    );
    check(
        &dora(&["--tier", "prodution"]),
        2,
        r#"nothing was deployed to the tier "prodution"; there are: production, staging"#,
    );
    check(&dora(&["--environment", "prod-eu"]), 2, "there are: prod-us, ");
    check(&dora(&["--project", "shop/catalog"]), 1, "there are no deployments on record yet");
    let empty = ["--since", "2024-01-01", "--until", "2024-01-31"];
    check(
        &dora(&empty),
        1,
        "no deployments from 2024-01-01 to 2024-01-31: the first on record are of 2026-09-01",
    );
    check(&dora(&["--json", "--csv"]), 2, "cannot be used with");
    check(&["report", "dora", "--clickhouse-url", "http://127.0.0.1:1"], 2, "ClickHouse does not answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_views_or_rows_says_what_to_do() {
    let deployment = Deployment::new("report_empty");
    let (code, output, log) = ran(&deployment, &["report", "dora", "--project", "shop/checkout"]);
    assert!(
        code == Some(2) && output.is_empty() && log.contains("nor any other yet"),
        "{code:?} {output} {log}"
    );
    let missing = deployment.with("GITPULSE_CLICKHOUSE_DATABASE", "of_nobody");
    let (code, _, log) = ran(&missing, &["report", "pipelines"]);
    assert!(code == Some(2) && log.contains("run `gitpulse migrate`"), "{code:?} {log}");
}
