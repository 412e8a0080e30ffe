//! Cases of pipelines and jobs: how they ended, how long they took, and what was wasted.

mod attempts;

use serde_json::{Value, json};

use super::measure::{Faces, Measured, measure};
use super::runs::{Pipeline, Run};
use super::story::Story;

/// The values of some columns of the only row of a view with the id.
#[track_caller]
fn columns<const N: usize>(
    measured: &Measured,
    view: &str,
    (key, id): (&str, u64),
    names: [&str; N],
) -> Value {
    let row = measured.one(view, json!({key: id}));
    Value::Array(names.map(|name| row[name].clone()).to_vec())
}

/// Checks columns of a pipeline in every source.
#[track_caller]
fn check_pipeline<const N: usize>(faces: &Faces, id: u64, names: [&str; N], expected: &Value) {
    for (face, measured) in faces.all() {
        assert_eq!(
            &columns(measured, "pipeline_metrics", ("pipeline_id", id), names),
            expected,
            "{face}: pipeline {id}"
        );
    }
}

/// Checks columns of a job in every source.
#[track_caller]
fn check_job<const N: usize>(faces: &Faces, id: u64, names: [&str; N], expected: &Value) {
    for (face, measured) in faces.all() {
        assert_eq!(&columns(measured, "job_metrics", ("job_id", id), names), expected, "{face}: job {id}");
    }
}

/// A pipeline that failed, and succeeded after a job was retried.
fn retried(story: &mut Story, listed: bool) {
    let pipeline = Pipeline::new(1, "03-02 09:50");
    let build = Run::new(11, "build", "success", "03-02 09:51", "03-02 09:53");
    let failed = Run::new(12, "test", "failed", "03-02 09:54", "03-02 09:55");
    let passed = Run::new(13, "test", "success", "03-02 10:28", "03-02 10:29");
    story.pipeline_was(&pipeline, ("03-02 09:50", "created"), None, None, &[]);
    story.pipeline_was(
        &pipeline,
        ("03-02 10:00", "failed"),
        Some("03-02 10:00"),
        Some(180),
        &[&build, &failed],
    );
    story.pipeline_was(&pipeline, ("03-02 10:28", "running"), None, None, &[&build]);
    story.pipeline_was(
        &pipeline,
        ("03-02 10:30", "success"),
        Some("03-02 10:30"),
        Some(240),
        &[&build, &passed],
    );
    story.pipeline_is(&pipeline, "success", Some("03-02 10:30"), Some(240));
    if listed {
        for run in [&build, &failed, &passed] {
            story.run(&pipeline, run);
        }
    }
}

/// One pipeline, which ends in success but not at the first attempt. The API does not have the first end: without its jobs it is unknown.
#[tokio::test(flavor = "multi_thread")]
async fn case_56_a_retried_pipeline_is_one() {
    let names = ["outcome", "first_status", "is_first_attempt_success", "duration_seconds"];
    let mut story = Story::default();
    retried(&mut story, true);
    let faces = measure(&story).await;
    check_pipeline(&faces, 1, names, &json!(["success", "failed", false, 240]));
    let mut unlisted = Story::default();
    retried(&mut unlisted, false);
    let faces = measure(&unlisted).await;
    let measured = [&faces.webhooks, &faces.api, &faces.both]
        .map(|face| columns(face, "pipeline_metrics", ("pipeline_id", 1), names));
    let known = json!(["success", "failed", false, 240]);
    assert_eq!(measured, [known.clone(), json!(["success", null, null, 240]), known]);
}

/// A manual job that is started a month later leaves the pipeline on its day, with GitLab's duration; the job counts on the new day.
#[tokio::test(flavor = "multi_thread")]
async fn case_57_a_later_job_moves_no_pipeline() {
    let mut story = Story::default();
    let pipeline = Pipeline::new(1, "03-02 09:50");
    let build = Run::new(11, "build", "success", "03-02 09:51", "03-02 09:53");
    let idle = Run { manual: true, ..Run::idle(12, "check", "manual", "03-02 09:50") };
    let played = Run {
        manual: true,
        created: "03-02 09:50",
        ..Run::new(12, "check", "success", "04-02 10:00", "04-02 10:01")
    };
    story.pipeline_was(
        &pipeline,
        ("03-02 09:53", "success"),
        Some("03-02 09:53"),
        Some(120),
        &[&build, &idle],
    );
    story.pipeline_was(&pipeline, ("04-02 10:00", "running"), None, None, &[&build]);
    story.pipeline_was(
        &pipeline,
        ("04-02 10:01", "success"),
        Some("04-02 10:01"),
        Some(180),
        &[&build, &played],
    );
    story.pipeline_is(&pipeline, "success", Some("04-02 10:01"), Some(180));
    story.run(&pipeline, &build);
    story.run(&pipeline, &played);
    let faces = measure(&story).await;
    let names = ["created_at", "duration_seconds", "outcome", "is_first_attempt_success"];
    check_pipeline(&faces, 1, names, &json!(["2026-03-02 09:50:00", 180, "success", true]));
    check_job(
        &faces,
        12,
        ["finished_at", "duration_seconds", "queued_seconds"],
        &json!(["2026-04-02 10:01:00", 60, 5]),
    );
}

/// Child pipelines are not roots, but their minutes count.
#[tokio::test(flavor = "multi_thread")]
async fn case_58_rates_are_of_root_pipelines() {
    let mut story = Story::default();
    story.ran(
        &Pipeline::new(1, "03-02 09:50"),
        "success",
        "03-02 10:00",
        60,
        &[Run::new(11, "build", "success", "03-02 09:51", "03-02 09:52")],
    );
    for id in 2..5 {
        let child = Pipeline::new(id, "03-02 09:52").child_of(1);
        let run = Run::new(id * 10, "test", "success", "03-02 09:53", "03-02 09:54");
        story.ran(&child, "success", "03-02 09:59", 60, &[run]);
    }
    for (face, measured) in measure(&story).await.all() {
        assert_eq!(measured.find("pipeline_metrics", json!({"is_root": true})).len(), 1, "{face}");
        assert_eq!(
            measured.find("pipeline_metrics", json!({"is_root": false, "run_seconds": 60})).len(),
            3,
            "{face}"
        );
        assert_eq!(
            measured.find("job_metrics", json!({"outcome": "success", "duration_seconds": 60})).len(),
            4,
            "{face}"
        );
    }
}

/// The same name fails in one pipeline of a commit and passes in another: only the weaker definition calls that flaky.
#[tokio::test(flavor = "multi_thread")]
async fn case_59_another_pipeline_makes_no_job_flaky() {
    let mut story = Story::default();
    story.ran(
        &Pipeline::new(1, "03-02 09:50"),
        "failed",
        "03-02 10:00",
        60,
        &[Run::new(11, "test", "failed", "03-02 09:51", "03-02 09:52")],
    );
    story.ran(
        &Pipeline::new(2, "03-02 09:50").of(7),
        "success",
        "03-02 10:00",
        60,
        &[Run::new(12, "test", "success", "03-02 09:51", "03-02 09:52")],
    );
    for (face, measured) in measure(&story).await.all() {
        assert_eq!(measured.rows("flaky_jobs"), [] as [Value; 0], "{face}");
        let row = measured.one("flaky_by_sha", json!({"name": "test"}));
        assert_eq!((&row["failed_job_id"], &row["passed_job_id"]), (&json!(11), &json!(12)), "{face}");
    }
}

/// The commit of a merged-results pipeline is GitLab's own: the number of the merge request shows which one it belongs to.
#[tokio::test(flavor = "multi_thread")]
async fn case_60_merged_results_belong_to_their_merge_request() {
    let mut story = Story::default();
    let pipeline = Pipeline::new(1, "03-02 09:50").of(7).at_commit("mix");
    story.ran(&pipeline, "success", "03-02 10:00", 60, &[]);
    check_pipeline(&measure(&story).await, 1, ["merge_request_iid", "outcome"], &json!([7, "success"]));
}

/// Parts of one parallel job are three jobs of one group.
#[tokio::test(flavor = "multi_thread")]
async fn case_61_parts_are_no_retries() {
    let names =
        ["test 1/3", "test 2/3", "test 3/3", "build: [linux, amd64]", "build: [linux, arm64]", "lint"];
    let groups = ["test", "test", "test", "build", "build", "lint"];
    let mut story = Story::default();
    let runs: Vec<Run> = (11..)
        .zip(names)
        .map(|(id, name)| Run::new(id, name, "success", "03-02 09:51", "03-02 09:52"))
        .collect();
    story.ran(&Pipeline::new(1, "03-02 09:50"), "success", "03-02 10:00", 60, &runs);
    let faces = measure(&story).await;
    check_pipeline(&faces, 1, ["jobs", "attempts", "wasted_seconds"], &json!([6, 6, 0]));
    for (id, group) in (11..).zip(groups) {
        check_job(&faces, id, ["group_name", "attempt", "is_final"], &json!([group, 1, true]));
    }
}

/// Cancelled because a newer push came: superseded; by a person: canceled. Neither is a failure, and their minutes are waste of that name.
#[tokio::test(flavor = "multi_thread")]
async fn case_67_superseded_and_canceled() {
    let mut story = Story::default();
    let run = |id| Run::new(id, "test", "canceled", "03-02 09:51", "03-02 09:55");
    story.ran(&Pipeline::new(1, "03-02 09:50"), "canceled", "03-02 09:55", 240, &[run(11)]);
    story.ran(&Pipeline::new(2, "03-02 09:54"), "canceled", "03-02 09:58", 240, &[run(12)]);
    // Of another source, and of a merge request: these are not newer ones of the same line.
    let schedule = Pipeline { source: "schedule", ..Pipeline::new(3, "03-02 09:57") };
    story.ran(&schedule, "success", "03-02 09:59", 60, &[]);
    story.ran(&Pipeline::new(4, "03-02 09:50").of(7), "canceled", "03-02 09:55", 240, &[run(14)]);
    story.ran(&Pipeline::new(5, "03-02 09:52").of(7), "success", "03-02 09:59", 60, &[]);
    story.ran(&Pipeline::new(6, "03-02 09:52").of(8), "canceled", "03-02 09:59", 240, &[run(16)]);
    let faces = measure(&story).await;
    for (id, outcome) in [(1, "superseded"), (2, "canceled"), (4, "superseded"), (6, "canceled")] {
        check_pipeline(&faces, id, ["outcome", "wasted_seconds", "waste"], &json!([outcome, 240, outcome]));
        check_job(
            &faces,
            10 + id,
            ["outcome", "wasted_seconds", "waste"],
            &json!(["canceled", 240, outcome]),
        );
    }
}

/// An allowed failure is a failure, but does not fail the pipeline.
#[tokio::test(flavor = "multi_thread")]
async fn case_68_an_allowed_failure() {
    let mut story = Story::default();
    let allowed = Run { allow_failure: true, ..Run::new(11, "lint", "failed", "03-02 09:51", "03-02 09:52") };
    story.ran(&Pipeline::new(1, "03-02 09:50"), "success", "03-02 10:00", 60, &[allowed]);
    let faces = measure(&story).await;
    check_pipeline(
        &faces,
        1,
        ["outcome", "is_first_attempt_success", "failed_attempts"],
        &json!(["success", true, 1]),
    );
    check_job(&faces, 11, ["outcome", "is_allowed_failure"], &json!(["failed", true]));
}

/// The class of a failure.
#[tokio::test(flavor = "multi_thread")]
async fn case_69_failures_of_the_system_are_apart() {
    let reasons = [
        ("script_failure", "script"),
        ("job_execution_timeout", "script"),
        ("runner_system_failure", "system"),
        ("stuck_or_timeout_failure", "system"),
    ];
    let mut story = Story::default();
    let names = ["a", "b", "c", "d"];
    let runs: Vec<Run> = (11..)
        .zip(names)
        .zip(reasons)
        .map(|((id, name), (reason, _))| Run {
            reason: Some(reason),
            ..Run::new(id, name, "failed", "03-02 09:51", "03-02 09:52")
        })
        .collect();
    story.ran(&Pipeline::new(1, "03-02 09:50"), "failed", "03-02 10:00", 60, &runs);
    let faces = measure(&story).await;
    for (id, (_, class)) in (11..).zip(reasons) {
        check_job(&faces, id, ["outcome", "failure_class"], &json!(["failed", class]));
    }
}

/// What a complete list lacks has happened all the same.
#[tokio::test(flavor = "multi_thread")]
async fn case_70_retention_changes_no_rate() {
    let mut story = Story::default();
    story.ran(
        &Pipeline::new(1, "03-02 09:50"),
        "failed",
        "03-02 10:00",
        60,
        &[Run::new(11, "test", "failed", "03-02 09:51", "03-02 09:52")],
    );
    let absent = json!({"resource": "pipeline", "id": 1, "project_id": 42, "absent_since": super::story::iso("06-01 10:00")});
    let absent =
        crate::law::records::Record::object(schemas::EventKind::Pipeline, "project/42/pipeline/1", &absent);
    story.webhooks.push(absent.clone());
    story.objects.push(absent);
    check_pipeline(&measure(&story).await, 1, ["outcome", "attempts"], &json!(["failed", 1]));
}

/// Waiting times in every format that GitLab sends; a missing one is no observation.
#[tokio::test(flavor = "multi_thread")]
async fn case_71_waiting_times_of_any_shape() {
    let shapes =
        [(json!(7), json!(7)), (json!(7.9), json!(7)), (Value::Null, Value::Null), (json!(""), Value::Null)];
    let mut story = Story::default();
    let names = ["a", "b", "c", "d"];
    let runs: Vec<Run> = (11..)
        .zip(names)
        .zip(&shapes)
        .map(|((id, name), (queued, _))| Run {
            queued: queued.clone(),
            ..Run::new(id, name, "success", "03-02 09:51", "03-02 09:52")
        })
        .collect();
    story.ran(&Pipeline::new(1, "03-02 09:50"), "success", "03-02 10:00", 60, &runs);
    let faces = measure(&story).await;
    for (id, (_, expected)) in (11..).zip(&shapes) {
        check_job(&faces, id, ["queued_seconds"], &json!([expected]));
    }
}

/// A pipeline that failed and was retried counts once, with its current status.
#[tokio::test(flavor = "multi_thread")]
async fn n14_one_status_a_pipeline() {
    let mut story = Story::default();
    retried(&mut story, true);
    for (face, measured) in measure(&story).await.all() {
        let statuses: Vec<&Value> =
            measured.rows("pipeline_metrics").iter().map(|row| &row["status"]).collect();
        assert_eq!(statuses, [&json!("success")], "{face}");
    }
}

/// The retry of a job two days later.
#[tokio::test(flavor = "multi_thread")]
async fn n15_a_retry_two_days_later() {
    let mut story = Story::default();
    let pipeline = Pipeline::new(1, "03-02 09:50");
    let first = Run::new(11, "build", "success", "03-02 09:51", "03-02 09:53");
    let failed = Run::new(12, "test", "failed", "03-02 09:54", "03-02 09:55");
    let passed = Run::new(13, "test", "success", "03-04 09:54", "03-04 09:55");
    story.pipeline_was(
        &pipeline,
        ("03-02 09:55", "failed"),
        Some("03-02 09:55"),
        Some(180),
        &[&first, &failed],
    );
    story.pipeline_was(
        &pipeline,
        ("03-04 09:55", "success"),
        Some("03-04 09:55"),
        Some(180),
        &[&first, &passed],
    );
    story.pipeline_is(&pipeline, "success", Some("03-04 09:55"), Some(180));
    for run in [&first, &failed, &passed] {
        story.run(&pipeline, run);
    }
    let faces = measure(&story).await;
    let names =
        ["queued_seconds", "duration_seconds", "wasted_seconds", "is_first_attempt_success", "run_seconds"];
    check_pipeline(&faces, 1, names, &json!([5, 180, 60, false, 240]));
    check_job(&faces, 12, ["queued_seconds", "wasted_seconds"], &json!([5, 60]));
}
