//! Invented events of GitLab. In: random numbers. Out: records as ingest writes them, and the number of things in them. Only uses kinds that have
//! tables in [`super::tables`].

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use schemas::envelope::{Parts, delivery_event_id};
use schemas::head::Head;
use schemas::{Envelope, EventKind, Origin, Payload, TopicPrefix, TopicRecord};
use serde_json::{Value, json};
use uuid::Uuid;

const GITLAB: &str = "https://gitlab.example.com";

/// What was sent so far.
#[derive(Default)]
pub(super) struct World {
    /// By number of the delivery: GitLab can send it again.
    deliveries: Vec<(Value, String)>,
    /// The events that can be stored.
    pub(super) events: BTreeSet<Uuid>,
    /// The records that must be dead-lettered: topic and value.
    pub(super) broken: BTreeSet<(String, Vec<u8>)>,
    /// Project and number.
    pub(super) merge_requests: BTreeSet<(u64, u64)>,
    /// Project and id.
    pub(super) pipelines: BTreeSet<(u64, u64)>,
    /// Deliveries of pushes; only the view combines them.
    pub(super) pushes: BTreeSet<Uuid>,
    records: Vec<TopicRecord>,
    seconds: i64,
}

impl World {
    /// The next record for Kafka.
    pub(super) fn tell(&mut self, random: &mut StdRng) -> TopicRecord {
        // Many events happen within one second.
        self.seconds += [0, 0, 1, 90][random.random_range(0..4)];
        let record = match random.random_range(0..20) {
            0..7 => self.merge_request(random),
            7..12 => self.pipeline(random),
            12..15 => self.push(random),
            // The publisher did not learn that Kafka has it.
            15 if !self.records.is_empty() => {
                return self.records[random.random_range(0..self.records.len())].clone();
            }
            // Somebody makes GitLab send it again.
            16 if !self.deliveries.is_empty() => {
                let (body, delivery_id) =
                    self.deliveries[random.random_range(0..self.deliveries.len())].clone();
                self.record(&body, &delivery_id)
            }
            17 => self.pipeline_without_id(random),
            _ => self.nonsense(random),
        };
        self.records.push(record.clone());
        record
    }

    fn merge_request(&mut self, random: &mut StdRng) -> TopicRecord {
        let (project, iid) = (random.random_range(1..3), random.random_range(1..5_u64));
        self.merge_requests.insert((project, iid));
        let (action, state) =
            [("open", "opened"), ("update", "opened"), ("close", "closed"), ("merge", "merged")]
                [random.random_range(0..4)];
        let mut attributes = json!({
            "id": 100 * project + iid, "iid": iid, "target_project_id": project, "state": state, "action": action,
            "created_at": at(iid.cast_signed()), "updated_at": at(self.seconds - [0, 0, 100][random.random_range(0..3)]),
        });
        if random.random_bool(0.7) {
            attributes["title"] = json!(format!("title {}", random.random_range(0..9)));
        }
        let user = user(random);
        let body = json!({
            "object_kind": "merge_request", "user": user, "project": self.project(project), "object_attributes": attributes,
            "labels": [{"title": format!("label {}", random.random_range(0..3))}],
        });
        self.deliver(body)
    }

    fn pipeline(&mut self, random: &mut StdRng) -> TopicRecord {
        let (project, id) = (random.random_range(1..3), random.random_range(1..5_u64));
        self.pipelines.insert((project, id));
        let status = ["pending", "running", "success", "failed"][random.random_range(0..4)];
        let job = json!({
            "id": 10 * id + random.random_range(0..3), "name": "test", "stage": "test", "status": status,
            "created_at": at(1), "started_at": at(self.seconds),
        });
        let body = json!({
            "object_kind": "pipeline", "user": user(random), "project": self.project(project), "builds": [job],
            "object_attributes": {"id": id, "ref": "main", "status": status, "created_at": at(1), "finished_at": null},
        });
        self.deliver(body)
    }

    fn push(&mut self, random: &mut StdRng) -> TopicRecord {
        let number = self.deliveries.len();
        let project = random.random_range(1..3);
        let sha = random.random_range(0..9);
        let body = json!({
            "object_kind": "push", "project_id": project, "project": self.project(project), "user_id": random.random_range(7..10),
            "ref": "refs/heads/main", "before": format!("a{number}"), "after": format!("b{sha}"), "total_commits_count": 1,
            "commits": [{"id": format!("b{sha}"), "message": format!("message {number}"), "timestamp": at(self.seconds)}],
        });
        self.pushes.insert(id(number));
        self.deliver(body)
    }

    /// The event is known, but its table cannot take it: it is kept, and dead-lettered.
    fn pipeline_without_id(&mut self, random: &mut StdRng) -> TopicRecord {
        let body = json!({
            "object_kind": "pipeline", "project": self.project(random.random_range(1..3)), "object_attributes": {"status": "running"},
        });
        self.deliver(body)
    }

    /// A record that cannot be read.
    fn nonsense(&mut self, random: &mut StdRng) -> TopicRecord {
        let kind = [EventKind::Push, EventKind::MergeRequest, EventKind::Pipeline][random.random_range(0..3)];
        let number = random.random_range(0..1000);
        let payload = match random.random_range(0..3) {
            0 => {
                let topic = TopicPrefix::default().events(kind);
                let value = format!("\u{0}{number}{{").into_bytes();
                self.broken.insert((topic.clone(), value.clone()));
                return TopicRecord { topic, key: Vec::new(), value };
            }
            1 => Payload::Binary(format!("<{number}>").into_bytes()),
            _ => Payload::Json(format!("[{number}]")),
        };
        let record = envelope(kind, "project/1/nonsense", &format!("nonsense {number}"), self.now(), payload);
        self.broken.insert((record.topic.clone(), record.value.clone()));
        record
    }

    fn deliver(&mut self, body: Value) -> TopicRecord {
        let number = self.deliveries.len();
        self.deliveries.push((body.clone(), number.to_string()));
        self.events.insert(id(number));
        self.record(&body, &number.to_string())
    }

    fn record(&mut self, body: &Value, delivery_id: &str) -> TopicRecord {
        let payload = body.to_string();
        let head = Head::read(&payload).unwrap();
        let kind = head.kind();
        let subject = head.subject(kind, "fallback");
        let record = envelope(kind, &subject, delivery_id, self.now(), Payload::Json(payload));
        if body["object_kind"] == "pipeline" && body["object_attributes"]["id"].is_null() {
            self.broken.insert((record.topic.clone(), record.value.clone()));
        }
        record
    }

    fn project(&self, id: u64) -> Value {
        json!({"id": id, "name": format!("project {id}"), "path_with_namespace": format!("shop/{id}-{}", self.seconds / 600)})
    }

    fn now(&self) -> DateTime<Utc> {
        start() + TimeDelta::milliseconds(self.seconds * 1000 + 250)
    }
}

fn envelope(
    kind: EventKind,
    subject: &str,
    delivery_id: &str,
    time: DateTime<Utc>,
    payload: Payload,
) -> TopicRecord {
    let envelope = Envelope::stored(Parts {
        id: delivery_event_id(GITLAB, delivery_id),
        source: GITLAB.to_owned(),
        kind,
        subject: subject.to_owned(),
        time,
        origin: Origin::Webhook,
        tenant: if delivery_id.ends_with('7') { "labs" } else { "shop" }.to_owned(),
        delivery_id: Some(delivery_id.to_owned()),
        traceparent: None,
        payload,
    });
    envelope.to_record(&TopicPrefix::default()).unwrap()
}

fn id(delivery: usize) -> Uuid {
    delivery_event_id(GITLAB, &delivery.to_string())
}

fn user(random: &mut StdRng) -> Value {
    let id = random.random_range(7..10);
    json!({"id": id, "username": format!("user{id}"), "name": format!("User {}", random.random_range(0..3))})
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn at(seconds: i64) -> String {
    (start() + TimeDelta::seconds(seconds)).to_rfc3339()
}
