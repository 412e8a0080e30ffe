//! Which of two reports of one thing wins, column by column.

use super::*;

fn merge_request(updated_at: &str, rest: &str) -> MergeRequestRow {
    let payload = format!(
        r#"{{"object_kind":"merge_request","object_attributes":{{"iid":7,"target_project_id":42,"updated_at":"{updated_at}"{rest}}}}}"#
    );
    rows_of(&payload, updated_at).merge_requests.remove(0)
}

#[test]
fn a_field_that_is_absent_changes_nothing_and_null_clears() {
    let old = merge_request("2026-11-02T08:00:00Z", r#","milestone_id":5,"title":"a""#);
    let absent = merge_request("2026-11-02T09:00:00Z", r#","title":"b""#);
    assert_eq!(
        (newest(&old.milestone_id, &absent.milestone_id), newest(&old.title, &absent.title)),
        (Some(5), Some("b".into()))
    );
    let cleared = merge_request("2026-11-02T09:00:00Z", r#","milestone_id":null"#);
    assert_eq!(newest(&old.milestone_id, &cleared.milestone_id), None);
    assert_eq!(newest(&cleared.milestone_id, &old.milestone_id), None);
    let unreadable = merge_request("2026-11-02T09:00:00Z", r#","milestone_id":"five""#);
    assert_eq!(newest(&old.milestone_id, &unreadable.milestone_id), Some(5));
}

#[test]
fn an_empty_list_is_a_value() {
    let labelled = merge_request("2026-11-02T08:00:00Z", r#","labels":[{"title":"b"},{"title":"a"}]"#);
    assert_eq!(labelled.labels.value, ["a", "b"]);
    let bare = merge_request("2026-11-02T09:00:00Z", r#","labels":[]"#);
    let silent = merge_request("2026-11-02T10:00:00Z", "");
    assert!(newest(&labelled.labels, &bare.labels).is_empty());
    assert_eq!(newest(&labelled.labels, &silent.labels), ["a", "b"]);
}

#[test]
fn states_of_one_second_are_ordered_by_rank() {
    let opened = merge_request("2026-11-02T08:00:00.900Z", r#","state":"opened""#);
    let merged = merge_request("2026-11-02 08:00:00 UTC", r#","state":"merged""#);
    assert_eq!(newest(&opened.state, &merged.state).as_deref(), Some("merged"));
}

#[test]
fn a_body_from_the_far_future_does_not_freeze_an_entity() {
    let far =
        merge_request("2099-01-01T00:00:00Z", r#","title":"frozen","created_at":"2098-01-01T00:00:00Z""#);
    // The next body that is received two days later, or has such a time, wins.
    assert_eq!(far.title.version.seconds, 1_795_348_800 + 24 * 3600);
    // For columns that never change no later body could win, so no implausible time is used.
    assert_eq!(far.created_at, Columns::absent());
}

#[test]
fn nothing_has_happened_in_the_year_2999() {
    let year = "2999-01-01T00:00:00Z";
    let far = merge_request(year, &format!(r#","state":"closed","action":"close","closed_at":"{year}""#));
    // Later facts are compared by version, and an impossible time is never shown.
    assert_eq!((&far.updated_at, &far.closed_at), (&Columns::absent(), &Columns::absent()));
    let mut columns = Columns::at(far.title.version, "2026-11-22T10:00:00Z".parse().unwrap());
    let time = schemas::field::Field::Value(year.parse::<DateTime<Utc>>().unwrap());
    assert_eq!(columns.time(&time), Columns::absent());
    assert_eq!(columns.unreadable, 1);
    assert!(columns.planned_time(&time).value.is_some(), "what is planned may lie ahead");
    let pipeline = format!(
        r#"{{"object_kind":"pipeline","project":{{"id":42}},"object_attributes":{{"id":31,"status":"success","finished_at":"{year}"}}}}"#
    );
    assert!(rows_of(&pipeline, "1").pipeline_events.is_empty());
    let removed = format!(
        r#"{{"event_name":"user_remove_from_team","project_id":42,"user_id":7,"updated_at":"{year}"}}"#
    );
    assert!(rows_of(&removed, "2").members.iter().all(|row| row.deleted_at.value < Some(4_000_000_000_000)));
    assert_eq!(rows_of(&removed, "2").members.len(), 1);
}

#[test]
fn reopening_clears_the_time_of_closing() {
    let closed = merge_request("2026-11-02T08:00:00Z", r#","state":"closed","action":"close""#);
    let labelled = merge_request("2026-11-02T08:30:00Z", r#","state":"closed","action":"update""#);
    let reopened = merge_request("2026-11-02T09:00:00Z", r#","state":"opened","action":"reopen""#);
    assert!(newest(&closed.closed_at, &labelled.closed_at).is_some());
    assert_eq!(newest(&closed.closed_at, &reopened.closed_at), None);
}

#[test]
fn an_exact_time_of_merging_outranks_a_derived_one() {
    let derived = merge_request("2026-11-02T08:00:09Z", r#","state":"merged","action":"merge""#);
    let exact =
        merge_request("2026-11-02T08:00:00Z", r#","state":"merged","merged_at":"2026-11-02T08:00:01.250Z""#);
    assert_eq!(newest(&derived.merged_at, &exact.merged_at), exact.merged_at.value);
    assert_eq!(newest(&exact.merged_at, &derived.merged_at), exact.merged_at.value);
}

#[test]
fn a_retried_pipeline_is_newer_than_when_it_finished() {
    let pipeline = |finished_at: &str, status: &str, builds: &str| {
        let payload = format!(
            r#"{{"object_kind":"pipeline","project":{{"id":42}},"object_attributes":{{"id":31,"status":"{status}","created_at":"2026-11-02T08:00:00Z","finished_at":{finished_at}}},"builds":[{builds}]}}"#
        );
        rows_of(&payload, status).pipelines.remove(0)
    };
    let failed = pipeline(
        r#""2026-11-02T08:10:00Z""#,
        "failed",
        r#"{"id":1,"status":"failed","created_at":"2026-11-02 08:00:00 UTC","finished_at":"2026-11-02 08:10:00 UTC"}"#,
    );
    let retried =
        pipeline("null", "running", r#"{"id":2,"status":"running","created_at":"2026-11-02 08:30:00 UTC"}"#);
    assert_eq!(newest(&failed.status, &retried.status).as_deref(), Some("running"));
    assert_eq!(newest(&failed.finished_at, &retried.finished_at), None);
}

#[test]
fn a_job_that_was_reported_many_times_is_one_row() {
    let mut rows = Rows::default();
    for (project, status, at) in [
        (42, "running", "08:05"),
        (42, "success", "08:10"),
        (42, "pending", "08:00"),
        (43, "failed", "08:20"),
    ] {
        let payload = format!(
            r#"{{"object_kind":"pipeline","project":{{"id":{project}}},"object_attributes":{{"id":31,"status":"{status}"}},"builds":[{{"id":1,"status":"{status}","finished_at":"2026-11-02 {at}:00 UTC"}}]}}"#
        );
        rows.append(rows_of(&payload, at));
    }
    rows.merge();
    let jobs: Vec<_> = rows.jobs.iter().map(|row| (row.project_id, row.status.value.as_deref())).collect();
    assert_eq!(jobs, [(42, Some("success")), (43, Some("failed"))]);
    let pipelines: Vec<_> =
        rows.pipelines.iter().map(|row| (row.project_id, row.status.value.as_deref())).collect();
    assert_eq!(pipelines, jobs);
    assert_eq!(rows.events.len(), 4);
}

#[test]
fn a_null_object_clears_what_it_said() {
    let job = |finished_at: &str, rest: &str| {
        let payload = format!(
            r#"{{"object_kind":"pipeline","project":{{"id":42}},"object_attributes":{{"id":31,"finished_at":"{finished_at}"}},"builds":[{{"id":1{rest}}}]}}"#
        );
        rows_of(&payload, finished_at).jobs.remove(0)
    };
    let deploying = job("2026-11-02T08:00:00Z", r#","environment":{"name":"production"},"runner":{"id":5}"#);
    let cleared = job("2026-11-02T09:00:00Z", r#","environment":null"#);
    assert_eq!(newest(&deploying.environment, &cleared.environment), None);
    assert_eq!(newest(&deploying.runner_id, &cleared.runner_id), Some(5));
}

#[test]
fn a_retry_puts_later_jobs_back() {
    let job = |builds: &str| {
        let payload = format!(
            r#"{{"object_kind":"pipeline","project":{{"id":42}},"object_attributes":{{"id":31}},"builds":[{builds}]}}"#
        );
        rows_of(&payload, builds).jobs.remove(0)
    };
    let later =
        |status: &str| format!(r#"{{"id":2,"status":"{status}","created_at":"2026-11-02 08:00:00 UTC"}}"#);
    let skipped = job(&format!(
        r#"{},{{"id":1,"status":"failed","created_at":"2026-11-02 08:00:00 UTC","finished_at":"2026-11-02 08:01:00 UTC"}}"#,
        later("skipped")
    ));
    let retried = r#"{"id":3,"status":"running","created_at":"2026-11-02 08:05:00 UTC"}"#;
    let back = job(&format!("{},{retried}", later("created")));
    assert_eq!(newest(&skipped.status, &back.status).as_deref(), Some("created"));
    let played = (job(&later("manual")), job(&later("pending")));
    assert_eq!(newest(&played.0.status, &played.1.status).as_deref(), Some("pending"));
}
