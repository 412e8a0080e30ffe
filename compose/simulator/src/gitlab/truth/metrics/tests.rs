//! Small worlds with hand-computed numbers, named after the numbers of the cases. Project 0 has two environments of tier production.

mod requests;

use super::super::super::deployment::{OVERSEAS, PRODUCTION, STAGING};
use super::super::super::grow::script::{AUTHOR, REVIEWER, Script};
use super::super::super::issue::IssueWhat;
use super::super::super::merge_request::{Draft, Noted};
use super::super::super::people::Person;
use super::super::super::pipeline::Status;
use super::super::super::plan::Planned;
use super::super::super::sprint::Ref;
use super::*;

fn metrics(script: Script) -> Metrics {
    let world = script.world();
    let project = world.project(0);
    world.metrics(&project).next().unwrap()
}

/// The lead times of a tier, as (iid, minutes from merge, reason).
fn led(metrics: &Metrics, tier: &str) -> Vec<(u64, Option<i64>, &'static str)> {
    let rows = metrics.lead_times.iter().filter(|row| row.tier == tier);
    rows.map(|row| (row.iid, row.lead_time_seconds.map(|seconds| seconds / 60), row.reason)).collect()
}

fn changes(metrics: &Metrics) -> Vec<&'static str> {
    metrics.deployment_metrics.iter().map(|row| row.change).collect()
}

#[test]
fn case_1_the_first_deployment_on_record_attributes_nothing() {
    let mut script = Script::new(3);
    script.merge(100, 0, Ref::Main);
    let second = script.merge(200, 1, Ref::Main);
    script.deploy(1_000, PRODUCTION, second, Status::Success);
    script.merge(1_100, 2, Ref::Main);
    let metrics = metrics(script);
    assert_eq!(
        led(&metrics, "production"),
        [(1, None, "baseline"), (2, None, "baseline"), (3, None, "awaiting")]
    );
    assert_eq!(changes(&metrics), ["first"]);
    assert!(metrics.deployment_metrics[0].merge_requests == 0 && metrics.lead_times.len() == 3);
    // GitLab links both, and reports their median.
    let of_gitlab = &metrics.gitlab_dora_daily[0];
    assert_eq!(
        (of_gitlab.deployment_frequency, of_gitlab.lead_time_for_changes_seconds),
        (1, Some(51_000.0))
    );
}

#[test]
fn case_2_and_41_a_rollback_attributes_nothing_and_takes_nothing_back() {
    let mut script = Script::new(5);
    let shas: Vec<_> =
        (0..3).map(|number| script.merge(100 + 10 * Millis::from(number), number, Ref::Main)).collect();
    script.deploy(200, PRODUCTION, shas[0], Status::Success);
    script.deploy(300, PRODUCTION, shas[2], Status::Success);
    script.deploy(312, PRODUCTION, shas[0], Status::Success);
    script.merge(400, 3, Ref::Main);
    let last = script.merge(410, 4, Ref::Main);
    script.deploy(500, PRODUCTION, last, Status::Success);
    let metrics = metrics(script);
    assert_eq!(
        led(&metrics, "production"),
        [
            (1, None, "baseline"),
            (2, Some(190), ""),
            (3, Some(180), ""),
            (4, Some(100), ""),
            (5, Some(90), "")
        ]
    );
    assert_eq!(changes(&metrics), ["first", "change", "rollback", "change"]);
    let failed = &metrics.deployment_metrics[1];
    assert_eq!((failed.failed_by_rollback, failed.rollback_recovery_seconds), (true, Some(720)));
    let brought: Vec<u64> = metrics.deployment_metrics.iter().map(|row| row.merge_requests).collect();
    assert_eq!(brought, [0, 2, 0, 2]);
}

#[test]
fn case_3_and_n5_the_same_commit_again_is_a_repeat() {
    let mut script = Script::new(2);
    let first = script.merge(100, 0, Ref::Main);
    let second = script.merge(110, 1, Ref::Main);
    script.deploy(200, PRODUCTION, first, Status::Success);
    for (at, sha) in [(300, second), (400, first), (500, second)] {
        script.deploy(at, PRODUCTION, sha, Status::Success);
    }
    let metrics = metrics(script);
    assert_eq!(changes(&metrics), ["first", "change", "rollback", "repeat"]);
    assert_eq!(led(&metrics, "production"), [(1, None, "baseline"), (2, Some(190), "")]);
    let distinct: Vec<bool> = metrics.deployment_metrics.iter().map(|row| row.is_first_of_tier).collect();
    assert_eq!(distinct, [true, true, false, false]);
}

#[test]
fn case_4_the_retry_delivers_and_the_failure_recovers_with_it() {
    let mut script = Script::new(2);
    let first = script.merge(100, 0, Ref::Main);
    script.deploy(200, PRODUCTION, first, Status::Success);
    let second = script.merge(300, 1, Ref::Main);
    script.deploy(400, PRODUCTION, second, Status::Failed);
    script.deploy(420, PRODUCTION, second, Status::Success);
    script.deploy(430, PRODUCTION, second, Status::Canceled);
    let metrics = metrics(script);
    assert_eq!(led(&metrics, "production")[1], (2, Some(120), ""));
    let rows = &metrics.deployment_metrics;
    assert_eq!((rows[1].is_failed, rows[1].retry_recovery_seconds), (true, Some(1_200)));
    // N13: a stopped one is neither.
    assert_eq!((rows[3].is_successful, rows[3].is_failed, rows[3].change), (false, false, ""));
}

#[test]
fn cases_5_and_6_one_lead_time_a_tier_and_one_an_environment() {
    let mut script = Script::new(2);
    let first = script.merge(100, 0, Ref::Main);
    for environment in [STAGING, PRODUCTION, OVERSEAS] {
        script.deploy(200, environment, first, Status::Success);
    }
    let second = script.merge(300, 1, Ref::Main);
    script.deploy(360, STAGING, second, Status::Success);
    script.deploy(600, PRODUCTION, second, Status::Success);
    script.deploy(720, OVERSEAS, second, Status::Success);
    let metrics = metrics(script);
    assert_eq!(led(&metrics, "staging")[1], (2, Some(60), ""));
    assert_eq!(led(&metrics, "production")[1], (2, Some(300), ""));
    let rows = metrics.environment_lead_times.iter().filter(|row| row.lead_time.iid == 2);
    let all: Vec<_> = rows.map(|row| (row.environment.as_str(), row.lead_time.lead_time_seconds)).collect();
    assert_eq!(all, [("staging", Some(3_600)), ("live", Some(18_000)), ("live-us", Some(25_200))]);
    assert_eq!(metrics.lead_times[1].evidence, "landing");
}

#[test]
fn cases_10_and_11_a_hotfix_has_a_branch_of_its_own() {
    let mut script = Script::new(5);
    let first = script.merge(100, 0, Ref::Main);
    script.deploy(200, PRODUCTION, first, Status::Success);
    script.merge(250, 1, Ref::Main);
    script.cut(300);
    script.merge(350, 2, Ref::Main);
    script.merge(360, 3, Ref::Main);
    script.pick(4, 3);
    let hotfix = script.merge(400, 4, Ref::Release);
    script.deploy(410, PRODUCTION, hotfix, Status::Success);
    let head = script.head();
    script.deploy(1_000, PRODUCTION, head, Status::Success);
    let metrics = metrics(script);
    assert_eq!(
        led(&metrics, "production"),
        [
            (1, None, "baseline"),
            // Merged before the branch was cut: the hotfix delivered it too.
            (2, Some(160), ""),
            (3, Some(650), ""),
            // Cherry-picked.
            (4, Some(50), ""),
            (5, Some(10), ""),
        ]
    );
    let picked = metrics.lead_times.iter().find(|row| row.tier == "production" && row.iid == 4).unwrap();
    assert_eq!(picked.evidence, "cherry_pick");
    assert_eq!(changes(&metrics), ["first", "change", "change"]);
    assert_eq!(metrics.deployment_metrics[1].branch, "release/1");
}

#[test]
fn cases_19_and_20_what_is_taken_back_was_delivered_and_failed_its_deployment() {
    let mut script = Script::new(4);
    let first = script.merge(100, 0, Ref::Main);
    script.deploy(200, PRODUCTION, first, Status::Success);
    let broken = script.merge(300, 1, Ref::Main);
    script.deploy(400, PRODUCTION, broken, Status::Success);
    script.revert(2, 1);
    let fixed = script.merge(500, 2, Ref::Main);
    script.deploy(600, PRODUCTION, fixed, Status::Success);
    let metrics = metrics(script);
    assert_eq!(led(&metrics, "production")[1..], [(2, Some(100), ""), (3, Some(100), "")]);
    let failed: Vec<bool> = metrics.deployment_metrics.iter().map(|row| row.failed_by_rework).collect();
    assert_eq!(failed, [false, true, false]);
    assert!(metrics.merge_request_metrics[1].is_reverted && metrics.merge_request_metrics[2].is_revert);
}

#[test]
fn cases_36_to_40_incidents_belong_to_the_last_success_of_a_day() {
    let mut script = Script::new(1);
    let first = script.merge(100, 0, Ref::Main);
    script.deploy(200, PRODUCTION, first, Status::Success);
    script.issue(true, &[(230, IssueWhat::Opened), (260, IssueWhat::Closed)]);
    script.issue(
        true,
        &[
            (240, IssueWhat::Opened),
            (300, IssueWhat::Closed),
            (310, IssueWhat::Reopened),
            (340, IssueWhat::Closed),
        ],
    );
    script.issue(true, &[(200 + 24 * 60 + 1, IssueWhat::Opened)]);
    script.issue(false, &[(200 + 24 * 60, IssueWhat::Opened), (5_000, IssueWhat::BecameIncident)]);
    script.issue(false, &[(210, IssueWhat::Opened)]);
    let metrics = metrics(script);
    let rows: Vec<_> =
        metrics.incident_metrics.iter().map(|row| (row.iid, row.restore_seconds, row.reason)).collect();
    assert_eq!(rows, [(1, Some(1_800), ""), (2, Some(6_000), ""), (3, None, "unattributed"), (4, None, "")]);
    let deployment = &metrics.deployment_metrics[0];
    assert_eq!((deployment.incidents, deployment.incident_restore_seconds), (3, None));
    assert_eq!(metrics.issue_metrics[1].reopenings, 1);
}

#[test]
fn cases_56_and_62_attempts_of_a_pipeline_that_passes_in_the_end() {
    let mut script = Script::new(0);
    let pipeline = script.pipeline(&[
        (0, Status::Created),
        (10, Status::Running),
        (70, Status::Failed),
        (1_000, Status::Running),
        (1_060, Status::Failed),
        (2_000, Status::Running),
        (2_060, Status::Success),
    ]);
    script.job(pipeline, "unit 1/3", Some((10, 70)), Status::Failed);
    script.job(pipeline, "unit 2/3", Some((10, 40)), Status::Success);
    script.job(pipeline, "unit 1/3", Some((1_000, 1_060)), Status::Failed);
    script.job(pipeline, "unit 1/3", Some((2_000, 2_060)), Status::Success);
    script.job(pipeline, "deploy", None, Status::Success);
    let metrics = metrics(script);
    let row = &metrics.pipeline_metrics[0];
    assert_eq!(
        (row.outcome, row.first_status, row.is_first_attempt_success),
        ("success", Some("failed"), Some(false))
    );
    assert_eq!((row.jobs, row.attempts, row.failed_attempts), (2, 4, 2));
    assert_eq!((row.run_seconds, row.wasted_seconds, row.waste), (210, 120, "retried"));
    assert_eq!((row.duration_seconds, row.queued_seconds), (Some(180), Some(10)));
    let jobs: Vec<_> =
        metrics.job_metrics.iter().map(|job| (job.attempt, job.is_final, job.outcome, job.waste)).collect();
    assert_eq!(
        jobs,
        [
            (1, false, "failed", "retried"),
            (1, true, "success", ""),
            (2, false, "failed", "retried"),
            (3, true, "success", ""),
            (0, true, "none", ""),
        ]
    );
    assert_eq!(metrics.job_metrics[0].group_name, "unit");
    assert_eq!(
        (metrics.job_metrics[0].queued_seconds, metrics.job_metrics[4].queued_seconds),
        (Some(5), None)
    );
    let flaky = &metrics.flaky_jobs[0];
    assert_eq!((metrics.flaky_jobs.len(), flaky.wasted_seconds, flaky.name.as_str()), (1, 120, "unit 1/3"));
    assert_eq!(
        (flaky.failed_job_id, flaky.passed_job_id),
        (metrics.job_metrics[0].job_id, metrics.job_metrics[3].job_id)
    );
}

#[test]
fn case_67_what_a_newer_push_stopped_is_superseded() {
    let mut script = Script::new(0);
    let stopped = script.pipeline(&[(0, Status::Created), (10, Status::Running), (70, Status::Canceled)]);
    script.job(stopped, "build", Some((10, 40)), Status::Success);
    script.job(stopped, "unit", Some((40, 70)), Status::Canceled);
    script.pipeline(&[(0, Status::Created), (80, Status::Running), (90, Status::Canceled)]);
    let metrics = metrics(script);
    let ended: Vec<_> =
        metrics.pipeline_metrics.iter().map(|row| (row.outcome, row.wasted_seconds)).collect();
    assert_eq!(ended, [("superseded", 60), ("canceled", 0)]);
}

#[test]
fn rows_are_json_as_clickhouse_writes_it() {
    let mut script = Script::new(1);
    let first = script.merge(100, 0, Ref::Main);
    script.deploy(200, PRODUCTION, first, Status::Success);
    let row = serde_json::to_value(&metrics(script).environment_lead_times[0]).unwrap();
    assert_eq!(row["merged_at"], "2025-11-03 01:40:00");
    assert_eq!((&row["environment"], &row["deployed_at"]), (&"live".into(), &serde_json::Value::Null));
}

/// Every hard case occurs in the world without a script, at least twenty times in twenty seeds.
#[test]
fn twenty_worlds_meet_every_hard_case_twenty_times() {
    let mut met: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 1..=20 {
        let world = World::new(super::super::super::size::WorldConfig::new(seed, 16, 28));
        for index in 0..16 {
            for (case, times) in world.cases(&world.project(index)) {
                *met.entry(case).or_default() += times;
            }
        }
    }
    let wanted = [
        "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "14", "15", "17", "18", "19", "21",
        "24", "25", "26", "28", "30", "32", "33", "34", "35", "39", "40", "41", "42", "43", "44", "45", "46",
        "47", "48", "49", "50", "51", "52", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "67",
        "68", "69", "79", "N1", "N2", "N3", "N5", "N6", "N7", "N8", "N9", "N10", "N13",
    ];
    let rare: Vec<_> = wanted.iter().map(|case| (case, met.get(case).copied().unwrap_or(0))).collect();
    let rare: Vec<_> = rare.into_iter().filter(|(_, times)| *times < 20).collect();
    assert!(rare.is_empty(), "{rare:?} of {met:?}");
}
