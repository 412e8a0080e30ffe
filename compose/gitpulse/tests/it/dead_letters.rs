//! Dead letters after an upgrade. A stricter decoder of an older build is simulated by its output: a readable record on the dead letter topic.
//! Filters select, a replay recovers, and a second one changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use processor::decode::decode;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use schemas::envelope::{Parts, body_event_id};
use schemas::head::Head;
use schemas::topic::MAX_DEAD_LETTER_BYTES;
use schemas::{Envelope, Origin, Payload, TopicPrefix, TopicRecord};

use crate::deployment::{Deployment, Role, eventually};
use crate::engines::free_address;

const GITLAB: &str = "https://gitlab.example.com";
const NOON: &str = "2026-11-01T12:00:00Z";

/// A record that an older build could not decode.
struct Letter {
    record: TopicRecord,
    reason: &'static str,
    failed_at: DateTime<Utc>,
}

/// A deployment, and another producer for its topics.
struct Stage {
    deployment: Deployment,
    producer: FutureProducer,
    prefix: TopicPrefix,
    _processor: Role,
}

/// The record of an event that this build can decode.
fn record(prefix: &TopicPrefix, payload: String) -> TopicRecord {
    let head = Head::read(&payload).unwrap();
    let (kind, subject) = (head.kind(), head.subject(head.kind(), "fallback"));
    let id = body_event_id(GITLAB, payload.as_bytes());
    let envelope = Envelope::stored(Parts {
        id,
        source: GITLAB.to_owned(),
        kind,
        subject,
        time: NOON.parse().unwrap(),
        origin: Origin::Webhook,
        tenant: "default".to_owned(),
        delivery_id: None,
        traceparent: None,
        payload: Payload::Json(payload),
    });
    let record = envelope.to_record(prefix).unwrap();
    assert!(decode(&record.value).is_ok());
    record
}

fn push(number: usize) -> String {
    format!(
        r#"{{"object_kind":"push","project_id":42,"ref":"refs/heads/b{number}","before":"0000","after":"a{number}"}}"#
    )
}

fn pipeline(number: usize) -> String {
    format!(
        r#"{{"object_kind":"pipeline","project":{{"id":42}},"object_attributes":{{"id":{number},"status":"running","created_at":"2026-11-01T08:00:00Z"}}}}"#
    )
}

impl Stage {
    fn new(name: &str) -> Stage {
        let deployment = Deployment::new(name);
        let brokers = &deployment.environment["GITPULSE_KAFKA_BROKERS"];
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("message.max.bytes", MAX_DEAD_LETTER_BYTES.to_string())
            .create()
            .unwrap();
        let prefix = deployment.environment["GITPULSE_KAFKA_TOPIC_PREFIX"].parse().unwrap();
        let processor = deployment.processor();
        Stage { deployment, producer, prefix, _processor: processor }
    }

    fn letter(&self, payload: String, reason: &'static str, failed_at: &str) -> Letter {
        Letter { record: record(&self.prefix, payload), reason, failed_at: failed_at.parse().unwrap() }
    }

    async fn write(&self, topic: &str, record: &TopicRecord, headers: OwnedHeaders) {
        let record = FutureRecord::to(topic).key(&record.key).payload(&record.value).headers(headers);
        let sent = self.producer.send(record, std::time::Duration::from_secs(30)).await;
        sent.map_err(|(error, _)| error).unwrap();
    }

    /// Publishes a letter as the older build would have.
    async fn publish(&self, letter: &Letter) {
        let Letter { record, reason, failed_at } = letter;
        let failed_at = failed_at.timestamp_millis().to_string();
        let headers = OwnedHeaders::new()
            .insert(Header { key: "reason", value: Some(*reason) })
            .insert(Header { key: "error", value: Some("an older build was stricter") })
            .insert(Header { key: "origin-topic", value: Some(&record.topic) })
            .insert(Header { key: "failed-at", value: Some(&failed_at) });
        self.write(&self.prefix.dead_letters(), record, headers).await;
    }

    async fn bury_all(&self, letters: &[Letter]) {
        join_all(letters.iter().map(|letter| self.publish(letter))).await;
        self.deployment.until_count("SELECT count() FROM dead_letters", letters.len() as u64).await;
    }

    /// Ids and states in the output of `list`.
    fn listed(&self, filter: &[&str]) -> BTreeMap<String, String> {
        let text = self.deployment.output(&[&["dead-letters", "list"], filter].concat());
        let letters = text.lines().skip(1).map(|line| {
            let state = ["in events only", "recovered", "open"].iter().find(|state| line.contains(**state));
            let id = line.split_whitespace().next().unwrap();
            (id.to_owned(), (*state.unwrap_or_else(|| panic!("{line} tells no state"))).to_owned())
        });
        letters.collect()
    }

    /// What a dry run would replay: its lines with blanks joined, and their number.
    fn would_replay(&self, filter: &[&str]) -> Vec<String> {
        let text = self.deployment.output(&[&["dead-letters", "replay", "--dry-run"], filter].concat());
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect()
    }

    fn replay(&self, arguments: &[&str]) -> String {
        self.deployment.output(&[&["dead-letters", "replay"], arguments].concat())
    }

    /// The id of the letter of a payload.
    async fn id_of(&self, payload: &str) -> String {
        let event_id = body_event_id(GITLAB, payload.as_bytes());
        let query = format!("SELECT toString(id) FROM dead_letters WHERE event_id = '{event_id}'");
        self.deployment.value(&query).await
    }

    async fn until_stored(&self, events: u64) {
        self.deployment.until_count("SELECT count() FROM events", events).await;
        assert_eq!(self.deployment.value::<u64>("SELECT count() FROM events").await, events);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_select_what_they_say_and_list_and_replay_agree() {
    let stage = Stage::new("filters");
    let strange = r#"{"object_kind":"carrier_pigeon","project_id":42}"#;
    let kept = r#"{"object_kind":"issue","project":{"id":42},"object_attributes":{"id":7,"iid":7}}"#;
    let letters = [
        stage.letter(push(1), "too_deep", "2026-11-01T10:00:00Z"),
        stage.letter(push(2), "head", "2026-11-02T00:00:00Z"),
        stage.letter(pipeline(3), "too_deep", "2026-11-02T23:59:59.999Z"),
        stage.letter(pipeline(4), "head", "2026-11-03T00:00:00Z"),
        stage.letter(strange.to_owned(), "head", "2026-11-03T12:00:00Z"),
        stage.letter(kept.to_owned(), "payload", "2026-11-04T00:00:00Z"),
    ];
    stage.bury_all(&letters).await;
    stage.write(&letters[5].record.topic, &letters[5].record, OwnedHeaders::new()).await;
    stage.until_stored(1).await;
    let mut ids = Vec::new();
    for letter in &letters {
        let envelope = Envelope::parse(&letter.record.value).unwrap();
        let Payload::Json(payload) = envelope.into_parts().payload else { panic!("no JSON") };
        ids.push(stage.id_of(&payload).await);
    }

    let check = |filter: &[&str], expected: &[usize]| {
        let wanted: BTreeSet<&String> = expected.iter().map(|number| &ids[number - 1]).collect();
        let listed = stage.listed(filter);
        assert_eq!(listed.keys().collect::<BTreeSet<_>>(), wanted, "{filter:?}");
        let dry = stage.would_replay(filter);
        let last = dry.last().unwrap();
        let said = format!("would replay {}; nothing was changed", expected.len());
        assert!(last == &said || expected.is_empty() && last.contains("nothing to replay"), "{dry:?}");
    };
    check(&["--reason", "too_deep"], &[1, 3]);
    check(&["--kind", "push"], &[1, 2]);
    check(&["--kind", "tag_push"], &[]);
    check(&["--kind", "other"], &[5]);
    check(&["--since", "2026-11-03"], &[4, 5, 6]);
    check(&["--until", "2026-11-03"], &[1, 2, 3]);
    check(&["--since", "2026-11-02", "--until", "2026-11-03"], &[2, 3]);
    check(&["--since", "2026-11-03T13:00:00+01:00"], &[5, 6]);
    check(&["--since", "2026-11-02", "--until", "2026-11-03", "--reason", "head"], &[2]);
    check(&["--reason", "head", "--kind", "pipeline"], &[4]);
    check(&["--reason", "payload", "--kind", "push"], &[]);
    check(&["--reason", "payload"], &[6]);
    assert_eq!(stage.listed(&[]).len(), 6);
    assert_eq!(
        stage.would_replay(&["--since", "2026-11-02T00:00:00Z"]),
        [
            "reason kind letters",
            "head other 1",
            "head pipeline 1",
            "head push 1",
            "payload issue 1",
            "too_deep pipeline 1",
            "would replay 5; nothing was changed",
        ]
    );
    // What is in `events` only is not open.
    assert_eq!(stage.would_replay(&["--all"]).last().unwrap(), "would replay 5; nothing was changed");
    stage.until_stored(1).await;

    // A replay selects what the same filter lists, and a second one finds it recovered.
    assert!(stage.replay(&["--kind", "pipeline", "--until", "2026-11-03"]).starts_with("replayed 1;"));
    stage.until_stored(2).await;
    stage.deployment.until_count("SELECT count() FROM pipelines WHERE id = 3", 1).await;
    assert_eq!(stage.listed(&["--kind", "pipeline", "--reason", "too_deep"])[&ids[2]], "recovered");
    assert!(stage.replay(&["--kind", "pipeline", "--until", "2026-11-03"]).starts_with("nothing to replay"));
    // By its id it is replayed again, and nothing changes.
    assert!(stage.replay(&[&ids[2], &ids[0]]).starts_with("replayed 2;"));
    stage.until_stored(3).await;
    assert!(stage.replay(&["--all"]).starts_with("replayed 3;"));
    stage.until_stored(6).await;
    let states = stage.listed(&[]);
    let recovered = states.values().filter(|state| *state == "recovered").count();
    assert_eq!((states.len(), recovered, states[&ids[5]].as_str()), (6, 5, "in events only"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_letters_than_one_page_holds_are_all_replayed() {
    let stage = Stage::new("pages");
    let mut letters: Vec<Letter> =
        (0..700).map(|number| stage.letter(push(number), "too_deep", NOON)).collect();
    let filler = "x".repeat(6 * 1024 * 1024);
    let large = format!(
        r#"{{"object_kind":"push","project_id":42,"ref":"refs/heads/large","before":"0000","after":"a1","filler":"{filler}"}}"#
    );
    letters.push(stage.letter(large, "head", NOON));
    stage.bury_all(&letters).await;
    let output = stage.deployment.command(&["dead-letters", "replay", "--all"]).output().unwrap();
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("replaying: 701 of 701"), "{progress}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("replayed 701;"));
    stage.until_stored(701).await;
    assert_eq!(stage.deployment.value::<u64>("SELECT count() FROM pushes").await, 701);
    assert!(stage.replay(&["--all"]).starts_with("nothing to replay"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_fails_says_how_far_it_came() {
    let stage = Stage::new("halted");
    let letters = [stage.letter(push(1), "head", NOON)];
    stage.bury_all(&letters).await;
    let away = stage.deployment.clone().with("GITPULSE_KAFKA_BROKERS", &free_address().to_string());
    let output = away.command(&["dead-letters", "replay", "--all"]).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{message}");
    assert!(message.contains("replayed 0 of 1") && message.contains("repeat the command"), "{message}");
    // A dry run does not need Kafka.
    assert!(away.output(&["dead-letters", "replay", "--all", "--dry-run"]).contains("would replay 1"));
    let unknown = "00000000-0000-0000-0000-000000000000";
    let output = stage.deployment.command(&["dead-letters", "replay", unknown]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no dead letter 00000000"));
    assert!(stage.replay(&["--all"]).starts_with("replayed 1;"));
    eventually("the letter is recovered", async || {
        let states = stage.listed(&[]);
        if states.values().all(|state| state == "recovered") { Ok(()) } else { Err(format!("{states:?}")) }
    })
    .await;
}

#[test]
fn faulty_filters_are_refused_and_the_message_says_what_is_accepted() {
    let check = |arguments: &[&str], expected: &str| {
        let output = std::process::Command::new(crate::engines::GITPULSE)
            .arg("dead-letters")
            .args(arguments)
            .current_dir(std::env::temp_dir())
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    };
    let id = "00000000-0000-0000-0000-000000000000";
    check(&["list", "--since", "yesterday"], "RFC 3339 (2026-11-22T08:30:00Z");
    check(&["replay", "--until", "22.11.2026"], "a date (2026-11-22)");
    check(&["list", "--kind", "mr"], "merge_request");
    check(&["replay", "--reason", "bad"], "too_deep");
    check(&["replay"], "<ID|--all|--reason <REASON>|--kind <KIND>");
    check(&["replay", "--dry-run"], "<ID|--all|");
    check(&["replay", "--all", "--kind", "push"], "cannot be used with");
    check(&["replay", id, "--since", "2026-11-22"], "cannot be used with");
    check(&["replay", id, "--all"], "cannot be used with");
}
