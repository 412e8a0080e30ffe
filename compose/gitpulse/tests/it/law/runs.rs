//! Finished jobs: a narrow row, reported by pipelines, by jobs' own events and by the API.

use std::time::Duration;

use processor::insert::{Destination, Store};
use processor::rows::Rows;
use schemas::EventKind;
use serde_json::{Value, json};

use super::apply::{apply, ask, client};
use super::records::{Record, body, example};

/// What `jobs` and `job_runs` show alike.
const SHARED: [&str; 11] = [
    "pipeline_id",
    "name",
    "stage",
    "status",
    "ref",
    "sha",
    "allow_failure",
    "failure_reason",
    "runner_tags",
    "duration_seconds",
    "queued_seconds",
];

/// Rule 9. A finished job is a run, with the same values in `job_runs` as in `jobs`, whoever reported it.
///
/// Guards against: jobs without a finish shown; trigger jobs shown; queued seconds of what never started.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_finished_is_a_run() {
    let webhooks = [
        "pipeline/running",
        "pipeline/success",
        "pipeline/failed",
        "pipeline/retried",
        "pipeline/canceled",
        "pipeline/merge_request_pipeline",
        "job/success",
        "job/failed",
        "job/canceled",
        "job/manual",
        "job/skipped",
        "job/running",
        "job/never_started",
        "job/retried",
    ];
    let objects = ["job/success", "job/failed", "job/bridge", "job/bridge_not_started"];
    let mut told: Vec<Record> = webhooks.iter().map(|name| example(&format!("{name}.webhook"))).collect();
    told.extend(objects.iter().map(|name| example(&format!("{name}.api"))));
    let tables = apply(&told).await;
    let bridge = body("job/bridge.api")["id"].clone();
    let is_over = |job: &&Value| {
        let status = job["status"].as_str().unwrap();
        matches!(status, "success" | "failed" | "canceled") && job["id"] != bridge
    };
    let finished: Vec<&Value> = tables.rows("jobs").iter().filter(is_over).collect();
    assert!(finished.len() > 5, "{finished:#?}");
    assert_eq!(tables.rows("job_runs").len(), finished.len());
    for job in finished {
        let run = tables.rows("job_runs").iter().find(|run| run["id"] == job["id"]).unwrap();
        for column in SHARED {
            assert_eq!(run[column], job[column], "{column} of {}", job["id"]);
        }
        for column in ["created_at", "started_at", "finished_at"] {
            let whole = job[column].as_str().map(|time| &time[..19]);
            assert_eq!(run[column].as_str(), whole, "{column} of {}", job["id"]);
        }
        assert_eq!(run["day"].as_str(), job["finished_at"].as_str().map(|time| &time[..10]));
    }
    let twice: Vec<u64> = ask(
        "SELECT count() FROM (SELECT instance, id FROM job_runs GROUP BY instance, id HAVING count() > 1)",
    )
    .await;
    assert_eq!(twice, [0], "no job is there on two days");
}

fn finished(id: u64, finished_at: &str) -> Record {
    let job = json!({"id": id, "name": "unit", "status": "success", "created_at": finished_at, "started_at": finished_at,
        "finished_at": finished_at, "duration": 1.5, "queued_duration": 0.5, "pipeline": {"id": 31}});
    Record::object(EventKind::Job, &format!("project/42/job/{id}"), &job)
}

/// The number of partitions is limited: the distant past shares one, and more than a day ahead there is none.
///
/// Guards against: every month before 2010 a partition; a finish in the future believed.
#[tokio::test(flavor = "multi_thread")]
async fn far_times_make_no_partitions_of_their_own() {
    let times = [
        "1969-12-31T23:59:59Z",
        "1991-05-01T00:00:00Z",
        "2009-12-31T23:59:59Z",
        "2010-01-01T00:00:00Z",
        "2250-01-01T00:00:00Z",
    ];
    let told: Vec<Record> = (1..).zip(times).map(|(id, time)| finished(id, time)).collect();
    let tables = apply(&told).await;
    assert_eq!(tables.texts("job_runs", "day"), ["1969-12-31", "1991-05-01", "2009-12-31", "2010-01-01"]);
    let old = "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND active \
               AND table = 'job_run_facts' AND partition < '201001'";
    assert_eq!(ask::<String>(old).await, ["197001"]);
}

/// A batch of history may have jobs of more months than ClickHouse lets one INSERT write by default (error 252), which a retry would not cure.
///
/// Guards against: the limit of the server.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_hundred_and_fifty_months_are_one_insert() {
    let mut rows = Rows::default();
    for month in 0..150 {
        let time = format!("{}-{:02}-15T10:00:00Z", 2012 + month / 12, 1 + month % 12);
        rows.append(finished(month + 1, &time).rows("https://months"));
    }
    let client = client();
    let metrics = processor::Metrics::register(&prometheus::Registry::new()).unwrap();
    let timeout = Duration::from_secs(60);
    let store = Store { client: &client, destination: Destination::Live, timeout, metrics: &metrics };
    store.insert(&rows).await.unwrap();
    let months = "SELECT uniqExact(toYYYYMM(day)) FROM job_runs WHERE instance = 'https://months'";
    assert_eq!(ask::<u64>(months).await, [150]);
}
