//! Pipelines, jobs and deployments from webhooks and from the API, and the subtle cases of their columns.

use serde_json::Value;

use super::*;

const ABSENT: i64 = i64::MIN;
/// Who reported it, and when: not facts about the entity.
const PROVENANCE: [&str; 4] = ["last_event_id", "tenants", "origins", "first_received_at"];

fn example(path: &str) -> Rows {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/fixtures");
    let payload = std::fs::read_to_string(root.join(path)).unwrap();
    let name = path.strip_suffix(".json").unwrap();
    rows_of_example(&name.strip_suffix(".webhook").unwrap_or(name).replace('/', "__"), &payload)
}

fn columns(row: &impl Serialize) -> serde_json::Map<String, Value> {
    let Value::Object(columns) = serde_json::to_value(row).unwrap() else { panic!("a row is an object") };
    columns.into_iter().filter(|(name, _)| !PROVENANCE.contains(&name.as_str())).collect()
}

fn is_absent(column: &Value) -> bool {
    column[0].as_i64() == Some(ABSENT)
}

/// The greater of two columns, as ClickHouse takes it.
fn greater<'c>(a: &'c Value, b: &'c Value) -> &'c Value {
    let version = |column: &Value| (column[0].as_i64(), column[1].as_i64(), column[2].as_i64());
    let value = |column: &Value| column[3].as_f64().map(f64::to_bits);
    let order = version(a).cmp(&version(b)).then(value(a).cmp(&value(b)));
    if order.then(a[3].to_string().cmp(&b[3].to_string())).is_gt() { a } else { b }
}

/// Checks that two rows of one key agree wherever both have a value, so that neither order nor comparison changes the columns. Times must agree to
/// the second: the more precise form is kept.
#[track_caller]
fn agree(webhook: &impl Serialize, api: &impl Serialize) {
    let (webhook, api) = (columns(webhook), columns(api));
    for (name, a) in &webhook {
        let b = &api[name];
        if !a.is_array() {
            assert_eq!(a, b, "{name} is part of the key");
            continue;
        }
        assert_eq!(greater(a, b), greater(b, a), "{name}");
        if is_absent(a) || is_absent(b) {
            continue;
        }
        let by_second = |column: &Value| match (name.ends_with("_at"), column[3].as_i64()) {
            (true, Some(milliseconds)) => Value::from(milliseconds / 1000),
            (_, _) => column[3].clone(),
        };
        assert_eq!(by_second(a), by_second(b), "{name}");
    }
}

/// The columns that `a` fills and `b` does not.
fn known_to_one(a: &impl Serialize, b: &impl Serialize) -> Vec<String> {
    let (a, b) = (columns(a), columns(b));
    let known = |column: &Value| column.is_array() && !is_absent(column) && column[3] != Value::Null;
    let mut names: Vec<String> = a
        .iter()
        .filter(|(name, column)| known(column) && !known(&b[*name]))
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    names
}

#[test]
fn both_faces_tell_of_one_pipeline() {
    let webhook = example("pipeline/success.webhook.json");
    for path in ["pipeline/listed.api.json", "pipeline/detail.api.json"] {
        let api = example(path);
        agree(&webhook.pipelines[0], &api.pipelines[0]);
        assert!(api.jobs.is_empty());
    }
    let detail = example("pipeline/detail.api.json");
    let (webhook, detail) = (&webhook.pipelines[0], &detail.pipelines[0]);
    assert_eq!(known_to_one(detail, webhook), ["coverage", "started_at", "updated_at"]);
    assert_eq!(
        known_to_one(webhook, detail),
        ["committed_at", "detailed_status", "project_path", "protected_ref", "stages"]
    );
}

#[test]
fn both_faces_date_the_end_of_a_pipeline_alike() {
    let end = |path: &str| {
        let rows = example(path).pipeline_events;
        rows.into_iter().map(|row| (row.pipeline_id, row.status, row.as_of)).collect::<Vec<_>>()
    };
    let webhook = end("pipeline/success.webhook.json");
    assert_eq!(webhook, [(31001, "success".to_owned(), 1_793_697_700_000)]);
    assert_eq!(end("pipeline/detail.api.json"), webhook);
    // A list does not say when it finished, and a running pipeline would be a second row.
    assert!(end("pipeline/listed.api.json").is_empty());
    assert!(end("pipeline/retried.api.json").is_empty());
}

#[test]
fn three_sources_tell_of_one_job() {
    let in_pipeline = example("pipeline/success.webhook.json")
        .jobs
        .into_iter()
        .find(|job| job.id == 15_000_310_013)
        .unwrap();
    let hook = example("job/success.webhook.json").jobs.remove(0);
    let api = example("job/success.api.json").jobs.remove(0);
    agree(&in_pipeline, &hook);
    agree(&in_pipeline, &api);
    agree(&hook, &api);
    assert_eq!(known_to_one(&hook, &in_pipeline), ["retries_count"]);
    assert_eq!(known_to_one(&api, &hook), ["coverage", "url"]);
    assert_eq!(
        known_to_one(&hook, &api),
        [
            "environment",
            "environment_action",
            "environment_tier",
            "project_path",
            "retries_count",
            "runner_tags"
        ]
    );
    assert_eq!(newest(&in_pipeline.finished_at, &api.finished_at), api.finished_at.value);
    assert_eq!(newest(&hook.finished_at, &in_pipeline.finished_at), api.finished_at.value);
}

#[test]
fn both_faces_tell_of_one_deployment() {
    let (webhook, api) = (example("deployment/success.webhook.json"), example("deployment/success.api.json"));
    agree(&webhook.deployments[0], &api.deployments[0]);
    agree(&webhook.deployment_events[0], &api.deployment_events[0]);
    let (webhook, api) = (&webhook.deployments[0], &api.deployments[0]);
    assert_eq!(api.finished_at.value, webhook.finished_at.value);
    assert_eq!(
        known_to_one(api, webhook),
        ["created_at", "environment_id", "iid", "pipeline_id", "tag", "updated_at"]
    );
    assert_eq!(known_to_one(webhook, api), ["environment_tier", "project_path"]);
    for case in ["blocked", "failed", "canceled", "without_job"] {
        let (webhook, api) = (
            example(&format!("deployment/{case}.webhook.json")),
            example(&format!("deployment/{case}.api.json")),
        );
        agree(&webhook.deployments[0], &api.deployments[0]);
        agree(&webhook.deployment_events[0], &api.deployment_events[0]);
    }
}

#[test]
fn an_approval_is_no_status_of_the_deployment() {
    let (blocked, approved) =
        (example("deployment/blocked.webhook.json"), example("deployment/approved.webhook.json"));
    let status = newest(&blocked.deployments[0].status, &approved.deployments[0].status);
    assert_eq!(status.as_deref(), Some("blocked"));
    let event = &approved.deployment_events[0];
    assert_eq!(
        (event.status.as_str(), event.actor.as_str(), event.actor_id.value),
        ("approved", "8", Some(8))
    );
    assert_eq!(event.comment.value.as_deref(), Some("Looks good, quiet hour"));
    // A decision from a webhook and from the API is one row.
    let running = example("deployment/running.api.json");
    assert_eq!(running.deployment_events.len(), 2);
    agree(event, &running.deployment_events[1]);
}

#[test]
fn a_webhook_knows_best_when_a_deployment_reached_a_status() {
    let deployment = |at: &str, status: &str| {
        let payload = format!(
            r#"{{"object_kind":"deployment","project":{{"id":42}},"deployment_id":5,"status":"{status}","status_changed_at":"{at}"}}"#
        );
        rows_of(&payload, at)
    };
    let webhook = deployment("2026-11-03T13:32:48.000+00:00", "success");
    let api = rows_of_object(
        r#"{"id":5,"status":"success","updated_at":"2026-11-03T15:00:00.5Z","deployable":{"id":1,"finished_at":"2026-11-03T13:32:46.900Z"}}"#,
        EventKind::Deployment,
        "project/42/deployment/5",
    );
    let at = webhook.deployment_events[0].occurred_at.value;
    assert_eq!(newest(&webhook.deployment_events[0].occurred_at, &api.deployment_events[0].occurred_at), at);
    assert_eq!(newest(&webhook.deployments[0].finished_at, &api.deployments[0].finished_at), at);
    // A running deployment has not finished, which clears nothing.
    let running = deployment("2026-11-03 15:32:48 +0200", "running");
    assert_eq!(
        newest(&webhook.deployments[0].status, &running.deployments[0].status).as_deref(),
        Some("success")
    );
    assert_eq!(newest(&webhook.deployments[0].finished_at, &running.deployments[0].finished_at), at);
}

#[test]
fn the_commit_of_a_deployment_is_read_from_its_link() {
    let sha = |url: &str| {
        let payload = format!(r#"{{"object_kind":"deployment","deployment_id":5,"commit_url":{url}}}"#);
        rows_of(&payload, url).deployments.remove(0).sha
    };
    let full = "1396f1a70cbf816596cb56595548487e3e926ae1";
    assert_eq!(
        sha(&format!(r#""https://gitlab.example.com/a/b/-/commit/{full}""#)).value.as_deref(),
        Some(full)
    );
    for url in [r#""https://gitlab.example.com/a/b/-/tree/aaaaaa""#, r#""""#, "null", "7"] {
        assert_eq!(sha(url), Columns::absent(), "{url}");
    }
}

#[test]
fn a_deployment_without_an_id_is_dead_lettered() {
    let rows = rows_of(r#"{"object_kind":"deployment","deployable_id":7,"status":"success"}"#, "1");
    assert_eq!((rows.events.len(), rows.deployments.len(), rows.deployment_events.len()), (1, 0, 0));
    let rows = rows_of(r#"{"object_kind":"build","build_name":"nobody"}"#, "1");
    assert_eq!((rows.events.len(), rows.jobs.len()), (1, 0));
}

#[test]
fn whoever_tells_of_a_deleted_thing_later_revives_it() {
    let seen = example("deployment/success.api.json").deployments.remove(0).deleted_at;
    let Version { seconds, rank, .. } = seen.version;
    let deleted = |seconds| Column {
        version: Version { seconds, rank: rank + 1, milliseconds: 0 },
        value: Some(1_i64),
    };
    assert_eq!(newest(&seen, &deleted(seconds)), Some(1));
    assert_eq!(newest(&deleted(seconds - 1), &seen), None);
    assert_eq!(example("pipeline/listed.api.json").pipelines[0].deleted_at.value, None);
}

#[test]
fn a_job_that_did_not_fail_has_no_reason_to() {
    assert_eq!(example("job/running.webhook.json").jobs[0].failure_reason.value, None);
    assert_eq!(
        example("job/failed.webhook.json").jobs[0].failure_reason.value.as_deref(),
        Some("script_failure")
    );
    agree(&example("job/failed.webhook.json").jobs[0], &example("job/failed.api.json").jobs[0]);
}

#[test]
fn a_job_that_never_started_has_no_start() {
    let job = example("job/never_started.webhook.json").jobs.remove(0);
    assert_eq!((job.started_at, job.status.value.as_deref()), (Columns::absent(), Some("canceled")));
    assert_eq!(example("job/never_started.webhook.json").unreadable, 0);
}

#[test]
fn a_played_job_is_newer_than_the_pipeline_that_waited_for_it() {
    let job = |status: &str, finished_at: &str| {
        let payload = format!(
            r#"{{"object_kind":"build","project_id":42,"build_id":1,"build_status":"{status}","build_created_at":"2026-11-02 08:00:00 UTC","commit":{{"id":31,"started_at":"2026-11-02 08:00:01 UTC","finished_at":{finished_at}}}}}"#
        );
        rows_of(&payload, status).jobs.remove(0)
    };
    let waiting = r#"{"object_kind":"pipeline","project":{"id":42},"object_attributes":{"id":31,"finished_at":"2026-11-02 08:10:00 UTC"},"builds":[{"id":1,"status":"manual","created_at":"2026-11-02 08:00:00 UTC"}]}"#;
    let waiting = rows_of(waiting, "1").jobs.remove(0);
    let played = job("pending", r#""2026-11-02 08:10:00 UTC""#);
    assert_eq!(newest(&waiting.status, &played.status).as_deref(), Some("pending"));
    assert_eq!(played.pipeline_id.value, Some(31));
    // The pipeline's `updated_at` says how new an API object is.
    let listed = r#"{"id":1,"status":"pending","created_at":"2026-11-02T08:00:00.100Z","pipeline":{"id":31,"updated_at":"2026-11-02T08:10:00.300Z"}}"#;
    let listed = rows_of_object(listed, EventKind::Job, "project/42/job/1").jobs.remove(0);
    assert_eq!(newest(&waiting.status, &listed.status).as_deref(), Some("pending"));
}

#[test]
fn the_ref_of_a_merge_request_names_its_number_and_no_branch() {
    let webhook = example("pipeline/merge_request_pipeline.webhook.json").pipelines.remove(0);
    let api = example("pipeline/merge_request_pipeline.api.json").pipelines.remove(0);
    agree(&webhook, &api);
    assert_eq!((&api.ref_name, api.merge_request_iid.value), (&Columns::absent(), Some(7)));
    let job = example("job/merge_request.webhook.json").jobs.remove(0);
    assert_eq!(job.ref_name, Columns::absent());
}

#[test]
fn a_trigger_job_knows_the_pipeline_it_started() {
    let started = example("job/bridge.api.json").jobs.remove(0);
    let waiting = example("job/bridge_not_started.api.json").jobs.remove(0);
    assert_eq!(
        (started.downstream_pipeline_id.value, waiting.downstream_pipeline_id.value),
        (Some(31010), None)
    );
}

#[test]
fn the_second_form_of_a_time_stands_in_for_the_first() {
    let job = |created_at: &str| {
        let payload = format!(
            r#"{{"object_kind":"build","project_id":42,"build_id":1{created_at},"build_created_at_iso":"2026-11-02T08:00:00Z"}}"#
        );
        rows_of(&payload, created_at).jobs.remove(0).created_at.value
    };
    assert_eq!(job(r#","build_created_at":"2026-11-02T08:00:00.250Z""#), Some(1_793_606_400_250));
    assert_eq!(job(r#","build_created_at":"2026-11-02 08:00:00 CET""#), Some(1_793_606_400_000));
    assert_eq!(job(""), Some(1_793_606_400_000));
}

#[test]
fn a_deployment_whose_time_nobody_can_read_is_counted_once() {
    for status in ["running", "success", "approved"] {
        let payload = format!(
            r#"{{"object_kind":"deployment","deployment_id":5,"status":"{status}","status_changed_at":"soon"}}"#
        );
        let rows = rows_of(&payload, status);
        assert_eq!((rows.deployment_events.len(), rows.unreadable), (1, 1), "{status}");
    }
}

#[test]
fn an_environment_is_told_from_a_deployment_by_its_slug() {
    let rows = example("deployment/environment.api.json");
    let environment = &rows.environments[0];
    assert_eq!((environment.id, environment.tier.value.as_deref()), (301, Some("production")));
    assert!(rows.deployments.is_empty() && rows.deployment_events.is_empty());
    let deployment = example("deployment/success.api.json");
    assert_eq!(deployment.deployments[0].environment_id.value, Some(environment.id));
    assert_eq!(deployment.deployments[0].environment.value, environment.name.value);
    assert!(deployment.environments.is_empty());
}

#[test]
fn an_environment_that_was_stopped_and_started_again_is_available() {
    let environment = |updated_at: &str, state: &str| {
        let object = format!(
            r#"{{"id":301,"name":"production","slug":"production","state":"{state}","updated_at":"{updated_at}"}}"#
        );
        rows_of_object(&object, EventKind::Deployment, "project/42/deployment/301").environments.remove(0)
    };
    let stopped = environment("2026-11-02T08:00:00.100Z", "stopped");
    let started = environment("2026-11-02T08:00:00.900Z", "available");
    assert_eq!(newest(&stopped.state, &started.state).as_deref(), Some("available"));
    assert_eq!(newest(&started.state, &stopped.state).as_deref(), Some("available"));
}
