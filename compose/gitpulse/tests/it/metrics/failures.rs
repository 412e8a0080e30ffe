//! Cases of failure and restore, by GitLab's formulas and by ours, and numbers reported by users of other tools.

use serde_json::{Value, json};

use super::answers::{PRODUCTION, assert_lead_times, column, five};
use super::around::Incident;
use super::measure::{Measured, measure};
use super::story::Story;
use crate::law::records::body;

/// Ten deployments to production, one per day from the first of March, at 10:00; ids from 501.
fn ten() -> Story {
    let mut story = Story::default();
    for day in 1..=10 {
        story.deployed(500 + day, PRODUCTION, &format!("d{day}"), &format!("03-{day:02} 10:00"), "success");
    }
    story
}

/// The sum of a column over rows.
fn sum(rows: &[&Value], column: &str) -> u64 {
    rows.iter().map(|row| row[column].as_u64().unwrap()).sum()
}

/// A row of GitLab's own metrics.
#[track_caller]
fn gitlab<'m>(measured: &'m Measured, day: &str) -> &'m Value {
    measured.one("gitlab_dora_daily", json!({"environment": "production", "day": format!("2026-{day}")}))
}

/// The API does not have the time at which it was blocked.
#[tokio::test(flavor = "multi_thread")]
async fn case_28_waiting_for_an_approval_is_part_of_the_lead_time_and_shown() {
    let mut story = five();
    story.deployed(501, PRODUCTION, "A", "03-02 10:30", "success");
    story.waited(502, "C", "03-02 12:10", "03-05 12:10");
    story.deployed(502, PRODUCTION, "C", "03-05 12:30", "success");
    let faces = measure(&story).await;
    assert_lead_times(&faces, &["1 baseline", "2 502 4410", "3 502 4350", "4 awaiting", "5 awaiting"]);
    for measured in [&faces.webhooks, &faces.both] {
        assert_eq!(column(measured, 502, "blocked_seconds"), 3 * 24 * 3600);
        assert_eq!(column(measured, 501, "blocked_seconds"), &Value::Null);
    }
    assert_eq!(column(&faces.api, 502, "blocked_seconds"), &Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_36_two_incidents_are_one_failed_deployment() {
    let mut story = ten();
    story.incident(
        &Incident::new(71, "03-05 11:00"),
        &[("03-05 11:00", "open", "Incident"), ("03-05 12:00", "close", "Incident")],
    );
    story.incident(
        &Incident::new(72, "03-05 11:30"),
        &[("03-05 11:30", "open", "Incident"), ("03-05 14:00", "close", "Incident")],
    );
    for (face, measured) in measure(&story).await.all() {
        let failed = measured.find("deployment_metrics", json!({"failed_by_incident": true}));
        assert_eq!(failed.len(), 1, "{face}");
        let row = &failed[0];
        assert_eq!([&row["deployment_id"], &row["incidents"]], [&json!(505), &json!(2)], "{face}");
        assert_eq!(row["incident_restore_seconds"], 3 * 3600, "{face}");
        let days = measured.find("dora_daily", json!({"tier": "production"}));
        assert_eq!([sum(&days, "deployments"), sum(&days, "failed_by_incident")], [10, 1], "{face}");
        let days = measured.find("gitlab_dora_daily", json!({}));
        assert_eq!([sum(&days, "deployment_frequency"), sum(&days, "incidents_count")], [10, 2], "{face}");
        assert_eq!(gitlab(measured, "03-05")["time_to_restore_seconds"], 6300, "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_37_an_incident_is_blamed_on_the_last_success_within_a_day() {
    let mut story = Story::default();
    story.deployed(501, PRODUCTION, "A", "03-01 10:00", "success");
    for (id, created) in
        [(71, "03-02 10:00"), (72, "03-02 10:00:01"), (73, "03-05 09:00"), (74, "03-05 10:00")]
    {
        story.incident(&Incident::new(id, created), &[(created, "open", "Incident")]);
    }
    for (face, measured) in measure(&story).await.all() {
        let blamed = measured.rows("incident_metrics").iter();
        let blamed: Vec<_> =
            blamed.map(|row| (&row["issue_id"], &row["deployment_id"], &row["reason"])).collect();
        let (nobody, unattributed) = (&Value::Null, &json!("unattributed"));
        assert_eq!(
            blamed,
            [
                (&json!(71), &json!(501), &json!("")),
                (&json!(72), nobody, unattributed),
                (&json!(73), nobody, unattributed),
                (&json!(74), nobody, unattributed)
            ],
            "{face}"
        );
        // GitLab: two incidents, no deployment: a rate of 200 %.
        let day = gitlab(measured, "03-05");
        assert_eq!([&day["deployment_frequency"], &day["incidents_count"]], [&json!(0), &json!(2)], "{face}");
        assert_eq!(column(measured, 501, "incident_restore_seconds"), &Value::Null, "{face}: still open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_38_an_incident_of_a_project_that_deploys_nothing_is_unattributed() {
    let mut story = ten();
    story.incident(&Incident::new(71, "03-05 11:00").of(99), &[("03-05 11:00", "open", "Incident")]);
    for (face, measured) in measure(&story).await.all() {
        let row = measured.one("incident_metrics", json!({"issue_id": 71}));
        assert_eq!([&row["project_id"], &row["reason"]], [&json!(99), &json!("unattributed")], "{face}");
        assert!(
            measured.find("deployment_metrics", json!({"failed_by_incident": true})).is_empty(),
            "{face}"
        );
        // GitLab counts incidents by environment, and the project has none.
        assert!(measured.find("gitlab_dora_daily", json!({"project_id": 99})).is_empty(), "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_39_a_reopened_incident_is_restored_once_when_it_was_closed_last() {
    let mut story = ten();
    story.incident(
        &Incident::new(71, "03-02 10:30"),
        &[
            ("03-02 10:30", "open", "Incident"),
            ("03-02 11:30", "close", "Incident"),
            ("03-03 09:00", "reopen", "Incident"),
            ("03-05 12:30", "close", "Incident"),
        ],
    );
    for (face, measured) in measure(&story).await.all() {
        let row = measured.one("incident_metrics", json!({"issue_id": 71}));
        assert_eq!(row["restore_seconds"], (3 * 24 + 2) * 3600, "{face}");
        assert_eq!(row["deployment_id"], 502, "{face}");
        assert_eq!(gitlab(measured, "03-02")["time_to_restore_seconds"], Value::Null, "{face}");
        assert_eq!(gitlab(measured, "03-05")["time_to_restore_seconds"], (3 * 24 + 2) * 3600, "{face}");
    }
}

/// GitLab does not report deletions: a complete list of the API shows them.
#[tokio::test(flavor = "multi_thread")]
async fn case_40_an_incident_is_what_is_one_now() {
    let mut story = ten();
    story.incident(
        &Incident::new(71, "03-02 10:30"),
        &[
            ("03-02 10:30", "open", "Issue"),
            ("03-03 09:00", "update", "Incident"),
            ("03-04 10:30", "close", "Incident"),
        ],
    );
    story.incident(
        &Incident::new(72, "03-06 10:30"),
        &[("03-06 10:30", "open", "Incident"), ("03-06 11:00", "update", "Issue")],
    );
    story.incident(&Incident::new(73, "03-07 10:30"), &[("03-07 10:30", "open", "Incident")]);
    story.deleted_incident(73, "03-08 10:00");
    let faces = measure(&story).await;
    let incidents = |measured: &Measured| -> Vec<Value> {
        measured.rows("incident_metrics").iter().map(|row| row["issue_id"].clone()).collect()
    };
    assert_eq!(incidents(&faces.webhooks), [71, 73]);
    for measured in [&faces.api, &faces.both] {
        assert_eq!(incidents(measured), [71]);
        assert_eq!(gitlab(measured, "03-07")["incidents_count"], 0);
    }
    for (face, measured) in faces.all() {
        assert_eq!(gitlab(measured, "03-02")["incidents_count"], 1, "{face}");
        assert_eq!(gitlab(measured, "03-04")["time_to_restore_seconds"], 2 * 24 * 3600, "{face}");
        assert_eq!(gitlab(measured, "03-06")["incidents_count"], 0, "{face}");
        assert_eq!(column(measured, 502, "failed_by_incident"), true, "{face}");
    }
}

/// `pipeline_metrics` counts parent pipelines apart from children.
#[tokio::test(flavor = "multi_thread")]
async fn n1_a_deployment_of_a_child_pipeline_is_one() {
    let mut story = Story::default();
    for name in ["pipeline/success.webhook", "pipeline/child.webhook"] {
        story.webhook("03-02 10:00", &body(name));
    }
    story.deployed(501, PRODUCTION, "A", "03-02 10:00", "success");
    for (face, measured) in measure(&story).await.all() {
        let days = measured.find("dora_daily", json!({}));
        assert_eq!(sum(&days, "deployments"), 1, "{face}");
        assert_eq!(measured.rows("deployment_metrics").len(), 1, "{face}");
        assert_eq!(sum(&measured.find("gitlab_dora_daily", json!({})), "deployment_frequency"), 1, "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n2_a_deploy_job_that_may_fail_is_a_failed_attempt_whatever_its_pipeline_says() {
    let mut story = Story::default();
    story.webhook("03-02 10:00", &body("pipeline/success.webhook"));
    story.deployed(501, PRODUCTION, "A", "03-02 10:00", "failed");
    for (face, measured) in measure(&story).await.all() {
        let day = measured.one("dora_daily", json!({"day": "2026-03-02"}));
        assert_eq!([&day["deployments"], &day["failed_attempts"]], [&json!(0), &json!(1)], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n3_a_later_job_of_the_pipeline_moves_no_deployment() {
    let mut story = Story::default();
    story.deployed(501, PRODUCTION, "A", "05-05 10:00", "success");
    let mut check = body("job/success.webhook");
    check["build_finished_at"] = json!("2026-06-20T10:00:00Z");
    story.webhook("06-20 10:00", &check);
    for (face, measured) in measure(&story).await.all() {
        let days: Vec<_> = measured.find("dora_daily", json!({})).iter().map(|row| &row["day"]).collect();
        assert_eq!(days, ["2026-05-05"], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n8_an_incident_that_was_moved_counts_where_it_went() {
    let mut story = Story::default();
    let moved = Incident { moved_to: Some(82), ..Incident::new(81, "03-02 08:00") };
    story.incident(&moved, &[("03-02 08:00", "open", "Incident"), ("03-02 09:00", "close", "Incident")]);
    story.incident(
        &Incident::new(82, "03-02 08:00").of(43),
        &[("03-02 09:00", "open", "Incident"), ("03-02 11:00", "close", "Incident")],
    );
    for (face, measured) in measure(&story).await.all() {
        let rows: Vec<_> = measured
            .rows("incident_metrics")
            .iter()
            .map(|row| (&row["issue_id"], &row["restore_seconds"]))
            .collect();
        assert_eq!(rows, [(&json!(82), &json!(3 * 3600))], "{face}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n16_six_deployments_in_thirty_days_are_a_fifth_a_day() {
    let mut story = Story::default();
    for (id, day) in (501..).zip([1, 4, 9, 16, 25, 30]) {
        story.deployed(id, PRODUCTION, &format!("d{day}"), &format!("04-{day:02} 10:00"), "success");
    }
    for (face, measured) in measure(&story).await.all() {
        let deployments = sum(&measured.find("dora_daily", json!({"tier": "production"})), "deployments");
        assert!((f64::from(u32::try_from(deployments).unwrap()) / 30.0 - 0.2).abs() < f64::EPSILON, "{face}");
    }
}
