//! Faults of the processor: F-20 to F-24. It may die or be suspended anywhere; another one reads again what was not committed.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use simulator::{History, Load};
use tokio_util::sync::CancellationToken;

use crate::judge::Allows;
use crate::report::Outcome;
use crate::stage::{Scene, Stage, between};

/// The points at which a processor dies, and how often it has passed each before.
const POINTS: [(&str, u64); 8] = [
    ("processor::before_insert", 3),
    ("processor::before_events", 2),
    ("processor::after_insert", 0),
    ("processor::after_insert", 3),
    ("processor::mid_commit", 2),
    ("processor::after_commit", 2),
    ("dead_letter::before_publish", 0),
    ("dead_letter::after_publish", 0),
];

/// F-20: killed at each point between reading and committing, including dead letters.
pub(crate) async fn killed_at_each_point(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    for (point, nth) in POINTS {
        stage.processors.clear();
        let deadly = stage.deployment.clone().with("FAILPOINTS", &format!("{point}={nth}*off->return"));
        let mut victim = deadly.processor();
        if point.starts_with("dead_letter") {
            // Undecodable records are rare.
            poison(&stage, &format!("{point}-{nth}")).await;
        }
        let mut end = None;
        stage
            .until(point, async |_| {
                end = victim.ended();
                if end.is_some() { Ok(()) } else { Err("it lives".to_owned()) }
            })
            .await;
        let died = end.and_then(|end| end.signal());
        assert_eq!(died, Some(Signal::ABORT.as_raw()), "{point}: {}", victim.log());
    }
    stage.processors.push(stage.deployment.processor());
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// Sends a body that is not JSON, under an id of its own.
async fn poison(stage: &Stage, id: &str) {
    let url = stage.target.borrow().url.clone();
    let sent = reqwest::Client::new()
        .post(url)
        .header("x-gitlab-token", crate::deployment::TOKEN)
        .header("idempotency-key", format!("poison-{id}"))
        .body(format!("no JSON: {id}"))
        .send();
    assert_eq!(sent.await.unwrap().status().as_u16(), 200);
}

/// F-21: members join and leave every two seconds, for two minutes.
pub(crate) async fn members_come_and_go(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    let rounds = scene.lasts(120).as_secs() / 2;
    for _ in 0..rounds {
        let joins = stage.processors.len() < 2 || between(&mut stage.random, 0, 1) == 0;
        if joins && stage.processors.len() < 4 {
            stage.processors.push(stage.deployment.processor());
        } else {
            let leaving = between(&mut stage.random, 0, stage.processors.len() as u64 - 1);
            let mut leaving = stage.processors.remove(usize::try_from(leaving).unwrap());
            match between(&mut stage.random, 0, 1) {
                0 => leaving.kill(),
                _ => assert_eq!(leaving.terminate(), Some(0), "{}", leaving.log()),
            }
        }
        stage.go_on(Duration::from_secs(2)).await;
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-22: a member is stopped for longer than its group waits, another takes over, and the first comes back in the middle of its batch.
pub(crate) async fn stopped_and_back(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.processors.push(stage.deployment.processor());
    stage.go_on(Duration::from_secs(4)).await;
    for member in [0, 1] {
        stage.processors[member].signal(Signal::STOP);
        // max.poll.interval.ms is five minutes, the session ends after six seconds here.
        stage.go_on(scene.lasts(310).min(Duration::from_secs(310)).max(Duration::from_secs(12))).await;
        stage.processors[member].signal(Signal::CONT);
        stage.go_on(Duration::from_secs(2)).await;
    }
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

/// F-23: poison of every kind is kept and visible, while everything else continues.
pub(crate) async fn poisoned(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    let url = stage.target.borrow().url.clone();
    let client = reqwest::Client::new();
    let bodies = poison_of_every_sort();
    for (name, body) in &bodies {
        let sent = client
            .post(&url)
            .header("x-gitlab-token", crate::deployment::TOKEN)
            .header("idempotency-key", format!("poison-{name}"))
            .body(body.clone())
            .send();
        assert_eq!(sent.await.unwrap().status().as_u16(), 200, "{name}");
    }
    stage.recover().await;
    for (name, _) in &bodies {
        let kept = format!(
            "SELECT count() FROM (SELECT 1 FROM events WHERE delivery_id = 'poison-{name}' UNION ALL \
             SELECT 1 FROM dead_letters WHERE position(record, '\"deliveryid\":\"poison-{name}\"') > 0)"
        );
        stage
            .until(name, async |stage| match stage.deployment.value::<u64>(&kept).await {
                0 => Err("it is nowhere".to_owned()),
                _ => Ok(()),
            })
            .await;
    }
    stage.end(Allows::No5xx).await
}

fn poison_of_every_sort() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |open: &str, close: &str| {
        format!(r#"{{"object_kind":"push","a":{}{}}}"#, open.repeat(10_000), close.repeat(10_000))
            .into_bytes()
    };
    let mut large = br#"{"object_kind":"push","project_id":42,"filler":""#.to_vec();
    large.resize(25 * 1024 * 1024 - 2, b'x');
    large.extend_from_slice(b"\"}");
    vec![
        ("utf8", b"{\"object_kind\":\"push\",\"a\":\"\xff\xfe\"}".to_vec()),
        ("truncated", br#"{"object_kind":"push","ref":"refs/he"#.to_vec()),
        ("deep-arrays", nested("[", "]")),
        ("deep-objects", nested("{\"a\":", "}").into_iter().collect()),
        ("25-mib", large),
        ("duplicate-keys", br#"{"object_kind":"push","object_kind":"note"}"#.to_vec()),
        ("out-of-range", br#"{"object_kind":"push","project_id":1e999}"#.to_vec()),
        (
            "out-of-range-id",
            br#"{"object_kind":"pipeline","object_attributes":{"id":99999999999999999999}}"#.to_vec(),
        ),
        ("nul", b"{\"object_kind\":\"push\",\"\0\":1}".to_vec()),
        (
            "escaped-nul",
            br#"{"object_kind":"push","project_id":42,"ref":"refs/heads/a\u0000b","before":"0","after":"1"}"#
                .to_vec(),
        ),
        (
            "lone-surrogate",
            br#"{"object_kind":"push","project_id":42,"ref":"refs/heads/\ud800","before":"0","after":"1"}"#
                .to_vec(),
        ),
        ("byte-order-mark", b"\xef\xbb\xbf{}".to_vec()),
        (
            "wrong-types",
            br#"{"object_kind":"merge_request","project":[],"object_attributes":"none","user":7}"#.to_vec(),
        ),
        ("array-at-the-top", br#"[{"object_kind":"push"}]"#.to_vec()),
        ("scalar", b"42".to_vec()),
        ("empty", Vec::new()),
    ]
}

/// F-24: half of what arrives cannot be decoded; the healthy half is stored completely, and about as fast as before.
#[expect(clippy::disallowed_methods, reason = "the edge: the tables date events by the clock")]
pub(crate) async fn poison_flood(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    let opened = SystemTime::now();
    stage.go_on(scene.lasts(30)).await;
    let began = SystemTime::now();
    let path = stage.folder.path().join("flood.jsonl");
    let flood: Load = stage.load_of("flood", 50_000, 1.0, &path);
    stage.go_on(scene.lasts(60)).await;
    let ended = SystemTime::now();
    let stop = CancellationToken::new();
    stop.cancel();
    flood.finish(&stop).await.unwrap();
    stage.recover().await;
    // While nothing else arrives, or it would show as a difference to a rebuild.
    stage.pause().await;
    stage.recover().await;
    // Now that all of them are stored, including those that had to wait.
    let before = visible(&stage, opened, began).await;
    let during = visible(&stage, began, ended).await;
    stage.notes.push(format!("visible after p99 {before:.0} ms, in the flood {during:.0} ms"));
    let mut faults = Vec::new();
    let verdict = stage.judge(&path, &mut faults).unwrap_or_default();
    let sent = History::read(&path).unwrap().told.len() as u64;
    if verdict.dead_letters != sent {
        faults.push(format!("{sent} poisonous deliveries, {} dead letters", verdict.dead_letters));
    }
    stage.notes.push(format!("{sent} of poison"));
    stage.resume();
    // Events that queue behind poison would wait longer and longer: this limit is far above what a busy machine causes.
    if during > 4.0 * before + 2_000.0 {
        faults.push(format!(
            "healthy events were visible after {before:.0} ms, and after {during:.0} ms in the flood"
        ));
    }
    let mut outcome = stage.end(Allows::No5xx).await;
    outcome.faults.extend(faults);
    outcome
}

/// The time from receipt to visibility, in milliseconds, below which 99 of 100 events stayed, for events received in a span.
async fn visible(stage: &Stage, from: SystemTime, to: SystemTime) -> f64 {
    let [from, to] = [from, to].map(|at| chrono::DateTime::<chrono::Utc>::from(at).timestamp_millis());
    let query = format!(
        "SELECT count(), quantileExact(0.99)(toFloat64(dateDiff('millisecond', received_at, inserted_at))) FROM event_facts \
         WHERE received_at BETWEEN fromUnixTimestamp64Milli({from}, 'UTC') AND fromUnixTimestamp64Milli({to}, 'UTC')"
    );
    let (count, p99): (u64, f64) = stage.deployment.value(&query).await;
    assert!(count > 0, "no event was received");
    p99
}
