//! Cases of attempts of jobs: which is the last, which were wasted, which never ran.

use super::*;

/// A job that was retried twice.
fn thrice(story: &mut Story, told: bool) {
    let pipeline = Pipeline::new(1, "03-02 09:50");
    let runs = [
        Run::new(11, "test", "failed", "03-02 09:51", "03-02 09:52"),
        Run::new(12, "test", "failed", "03-02 09:53", "03-02 09:55"),
        Run::new(13, "test", "success", "03-02 09:56", "03-02 09:59"),
    ];
    story.pipeline_was(&pipeline, ("03-02 09:52", "failed"), Some("03-02 09:52"), Some(60), &[&runs[0]]);
    story.pipeline_was(&pipeline, ("03-02 09:55", "failed"), Some("03-02 09:55"), Some(180), &[&runs[1]]);
    story.pipeline_was(&pipeline, ("03-02 09:59", "success"), Some("03-02 09:59"), Some(360), &[&runs[2]]);
    story.pipeline_is(&pipeline, "success", Some("03-02 09:59"), Some(360));
    for run in runs.iter().filter(|_| told) {
        story.run(&pipeline, run);
    }
}

/// Three attempts, of which the last counts and the others are waste; the job is flaky.
#[tokio::test(flavor = "multi_thread")]
async fn case_62_attempts_of_one_job() {
    let mut story = Story::default();
    thrice(&mut story, true);
    let faces = measure(&story).await;
    let names = [
        "outcome",
        "is_first_attempt_success",
        "jobs",
        "attempts",
        "failed_attempts",
        "run_seconds",
        "wasted_seconds",
        "waste",
    ];
    check_pipeline(&faces, 1, names, &json!(["success", false, 1, 3, 2, 360, 180, "retried"]));
    let names = ["attempt", "is_final", "outcome", "wasted_seconds", "waste"];
    check_job(&faces, 11, names, &json!([1, false, "failed", 60, "retried"]));
    check_job(&faces, 12, names, &json!([2, false, "failed", 120, "retried"]));
    check_job(&faces, 13, names, &json!([3, true, "success", 0, ""]));
    for (face, measured) in faces.all() {
        let row = measured.one("flaky_jobs", json!({"pipeline_id": 1}));
        let shown = [
            "name",
            "failed_job_id",
            "passed_job_id",
            "failed_at",
            "passed_at",
            "wasted_seconds",
            "failure_class",
        ]
        .map(|name| row[name].clone());
        let expected = json!(["test", 11, 13, "2026-03-02 09:52:00", "2026-03-02 09:59:00", 180, "script"]);
        assert_eq!(json!(shown), expected, "{face}");
    }
}

/// Pipeline events only list the newest run of each name: earlier runs have rows of their own, because they were the newest then.
#[tokio::test(flavor = "multi_thread")]
async fn case_63_an_older_id_is_a_retried_attempt() {
    let (mut story, mut listed) = (Story::default(), Story::default());
    thrice(&mut story, false);
    thrice(&mut listed, true);
    story.objects = listed.objects;
    let faces = measure(&story).await;
    check_job(&faces, 11, ["attempt", "is_final", "waste"], &json!([1, false, "retried"]));
    check_job(&faces, 13, ["attempt", "is_final", "waste"], &json!([3, true, ""]));
    check_pipeline(&faces, 1, ["attempts", "wasted_seconds"], &json!([3, 180]));
}

/// A manual job that nobody started did not run: no run, no queue, and its pipeline is unfinished.
#[tokio::test(flavor = "multi_thread")]
async fn case_64_a_manual_job_that_nobody_played() {
    let mut story = Story::default();
    let pipeline = Pipeline::new(1, "03-02 09:50");
    let idle = Run { manual: true, ..Run::idle(11, "deploy", "manual", "03-02 09:50") };
    story.pipeline_was(&pipeline, ("03-02 09:53", "manual"), None, None, &[&idle]);
    story.pipeline_is(&pipeline, "manual", None, None);
    story.run(&pipeline, &idle);
    let faces = measure(&story).await;
    check_pipeline(
        &faces,
        1,
        ["outcome", "first_status", "attempts", "jobs"],
        &json!(["unfinished", null, 0, 0]),
    );
    for (face, measured) in faces.all() {
        assert!(measured.rows("job_metrics").iter().all(|row| row["outcome"] == "none"), "{face}");
    }
}

/// A manual job that was started after three days waited for a runner for seconds.
#[tokio::test(flavor = "multi_thread")]
async fn case_65_a_person_is_no_queue() {
    let mut story = Story::default();
    let played = Run {
        manual: true,
        created: "03-02 09:50",
        ..Run::new(11, "deploy", "success", "03-05 09:51", "03-05 09:52")
    };
    story.ran(&Pipeline::new(1, "03-02 09:50"), "success", "03-05 09:52", 60, &[played]);
    check_job(&measure(&story).await, 11, ["queued_seconds", "duration_seconds"], &json!([5, 60]));
}

/// A skipped job is no attempt.
#[tokio::test(flavor = "multi_thread")]
async fn case_66_skipped_is_no_attempt() {
    let mut story = Story::default();
    let pipeline = Pipeline::new(1, "03-02 09:50");
    story.pipeline_was(&pipeline, ("03-02 09:50", "skipped"), None, None, &[]);
    story.pipeline_is(&pipeline, "skipped", None, None);
    let failed = Run::new(21, "test", "failed", "03-02 09:51", "03-02 09:52");
    let skipped = Run::idle(22, "deploy", "skipped", "03-02 09:50");
    story.ran(&Pipeline::new(2, "03-02 09:50"), "failed", "03-02 09:52", 60, &[failed, skipped]);
    let faces = measure(&story).await;
    check_pipeline(
        &faces,
        1,
        ["outcome", "attempts", "is_first_attempt_success"],
        &json!(["skipped", 0, null]),
    );
    check_pipeline(&faces, 2, ["outcome", "attempts", "jobs"], &json!(["failed", 1, 1]));
    for (face, measured) in faces.all() {
        assert!(
            measured.find("job_metrics", json!({"job_id": 22})).iter().all(|row| row["outcome"] == "none"),
            "{face}"
        );
    }
}
