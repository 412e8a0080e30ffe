use std::path::{Path, PathBuf};

use chrono::DateTime;

use super::*;

const GITLAB: &str = "https://gitlab.example.com";

fn tenant() -> Tenant {
    Tenant::new("shop", Some(GITLAB)).unwrap()
}

fn webhook<'a>(tenant: &'a Tenant, body: &'a str) -> Webhook<'a> {
    Webhook {
        body: body.as_bytes(),
        arrival: Arrival::Delivered,
        proof: Proof::Sender,
        received_at: DateTime::UNIX_EPOCH,
        tenant,
        delivery_id: Some("1"),
        named_instance: None,
        traceparent: None,
    }
}

fn item<'a>(tenant: &'a Tenant, resource: Resource, object: &'a str) -> ApiItem<'a> {
    ApiItem {
        resource,
        object: serde_json::from_str(object).unwrap(),
        context: Context::project(42),
        tenant,
        asked_instance: "https://GitLab.example.com/",
        read_at: DateTime::UNIX_EPOCH,
        traceparent: None,
    }
}

fn json(envelope: &Envelope) -> &str {
    match envelope.payload() {
        Payload::Json(json) => json,
        Payload::Binary(_) => panic!("no JSON"),
    }
}

/// A body with a secret and the same without.
const SECRET: &str =
    r#"{"object_kind":"pipeline","object_attributes":{"id":31,"variables":[{"key":"A","value":"hunter2"}]}}"#;
const BLANKED: &str = r#"{"object_kind":"pipeline","object_attributes":{"id":31,"variables":[{"key":"A","value":"[REDACTED]"}]}}"#;

#[test]
fn no_secret_stays_in_a_body_that_cannot_be_read() {
    let tenant = tenant();
    let push = r#"{"object_kind":"push","id":31,"push_options":{"ci":{"variable":{"A=hunter2":1}}}}"#;
    for (secret, kind) in [(SECRET, "\"pipeline\""), (push, "\"push\"")] {
        for body in [
            format!("\u{feff}{secret}"),
            format!("{secret}x"),
            format!("{secret}\0"),
            format!("[{secret}]"),
            format!("[[{secret}],1]"),
            secret[..secret.len() - 4].to_owned(),
            secret.replace(kind, "\"of_no_known_kind\""),
            secret.replace(kind, &kind.to_uppercase()),
            secret.replace("object_kind", "kind"),
            serde_json::to_string(secret).unwrap(),
            secret.replace("\"id\":31", "\"id\":31,,"),
        ] {
            let wrapped = Envelope::webhook(&webhook(&tenant, &body));
            let kept = match wrapped.envelope.payload() {
                Payload::Json(json) => json.as_bytes().to_vec(),
                Payload::Binary(bytes) => bytes.to_vec(),
            };
            let kept = String::from_utf8_lossy(&kept).into_owned();
            assert!(wrapped.redacted && !kept.contains("hunter2"), "{body}: {kept}");
        }
    }
    let mut bytes = SECRET.replace("31", "31,\"title\":\"?\"").into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[at] = 0xff;
    let wrapped = Envelope::webhook(&Webhook { body: &bytes, ..webhook(&tenant, "") });
    let Payload::Binary(kept) = wrapped.envelope.payload() else { panic!("no text") };
    assert!(!String::from_utf8_lossy(kept).contains("hunter2"));
    // A byte order mark in front changes nothing.
    let wrapped = Envelope::webhook(&webhook(&tenant, &format!("\u{feff}{SECRET}")));
    assert_eq!((json(&wrapped.envelope), wrapped.envelope.kind()), (BLANKED, EventKind::Pipeline));
}

#[test]
fn no_way_into_an_envelope_passes_by_redaction() {
    let tenant = tenant();
    for arrival in [Arrival::Delivered, Arrival::Logged] {
        let wrapped = Envelope::webhook(&Webhook { arrival, ..webhook(&tenant, SECRET) });
        assert!(wrapped.redacted);
        assert_eq!(json(&wrapped.envelope), BLANKED);
    }
    let object = r#"{"id":42,"runners_token":"hunter2"}"#;
    let wrapped = Envelope::api(&item(&tenant, Resource::Project, object));
    assert!(wrapped.redacted);
    assert_eq!(json(&wrapped.envelope), r#"{"id":42,"runners_token":"[REDACTED]"}"#);
    // It was stored as an unknown kind, or before a path was known.
    let parts = Envelope::webhook(&webhook(&tenant, "{}")).envelope.into_parts();
    let stored = Envelope::stored(Parts { payload: Payload::Json(SECRET.to_owned()), ..parts.clone() });
    assert_eq!(json(&stored), BLANKED);
    let parts = Parts {
        origin: Origin::Api,
        kind: EventKind::Group,
        payload: Payload::Json(r#"{"runners_token":"hunter2"}"#.to_owned()),
        ..parts
    };
    assert_eq!(json(&Envelope::stored(parts)), r#"{"runners_token":"[REDACTED]"}"#);
}

/// The header of a signed delivery is not proven, but the project's page in the body shows where GitLab is.
#[test]
fn a_gitlab_below_a_path_is_one_instance() {
    let unconfigured = Tenant::new("shop", None).unwrap();
    let bodies = [
        r#"{"object_kind":"push","ref":"refs/heads/main","project":{"id":42,"web_url":"https://forge.example.org/gitlab/shop/checkout","path_with_namespace":"shop/checkout"}}"#,
        r#"{"object_kind":"work_item","object_attributes":{"id":4,"url":"https://forge.example.org/gitlab/groups/shop/-/work_items/4"}}"#,
        r#"{"event_name":"user_create","user_id":7}"#,
    ];
    for body in bodies {
        for proof in [Proof::Signed, Proof::Sender] {
            let named_instance = Some("https://forge.example.org/gitlab/");
            let wrapped =
                Envelope::webhook(&Webhook { proof, named_instance, ..webhook(&unconfigured, body) });
            assert_eq!(wrapped.envelope.source(), "https://forge.example.org/gitlab", "{body}");
        }
    }
    // Repeating a signed delivery with another header does not make another instance.
    let forged = Webhook {
        proof: Proof::Signed,
        named_instance: Some("https://forge.example.org/gitlab/shop"),
        ..webhook(&unconfigured, bodies[0])
    };
    assert_eq!(Envelope::webhook(&forged).envelope.source(), "https://forge.example.org/gitlab");
}

#[test]
fn a_body_whose_fields_have_no_names_is_kept_and_blanked() {
    // Half a surrogate pair: valid JSON, but not text, so its keys cannot be read.
    let tenant = tenant();
    let wrapped = Envelope::webhook(&webhook(&tenant, r#"{"\ud800":1,"object_kind":"pipeline"}"#));
    assert_eq!(json(&wrapped.envelope), r#""[REDACTED]""#);
    assert_eq!(wrapped.envelope.kind(), EventKind::Other);
}

#[test]
fn a_logged_body_is_the_event_that_was_delivered() {
    let tenant = tenant();
    let delivered = Envelope::webhook(&webhook(&tenant, SECRET)).envelope.into_parts();
    let logged = Envelope::webhook(&Webhook { arrival: Arrival::Logged, ..webhook(&tenant, SECRET) });
    assert_eq!(logged.envelope.origin(), Origin::HookLog);
    assert_eq!(logged.envelope.into_parts(), Parts { origin: Origin::HookLog, ..delivered });
}

#[test]
fn an_object_has_the_key_of_the_webhook_and_an_id_of_its_own() {
    let tenant = tenant();
    let body = r#"{"object_kind":"issue","object_attributes":{"id":7,"project_id":42}}"#;
    let posted = Envelope::webhook(&webhook(&tenant, body)).envelope;
    let object = r#"{"id": 7, "iid": 1}"#;
    let listed = Envelope::api(&item(&tenant, Resource::Issue, object)).envelope;
    assert_eq!((listed.source(), listed.subject()), (posted.source(), posted.subject()));
    assert_eq!((listed.kind(), listed.origin()), (posted.kind(), Origin::Api));
    assert_ne!(listed.id(), posted.id());
    assert_eq!(json(&listed), object);
    let again = Envelope::api(&item(&tenant, Resource::Issue, r#"{"iid":1,"id":7}"#)).envelope;
    assert_eq!(again.id(), listed.id());
    // A tenant without an instance gets the one that was asked.
    let elsewhere = Tenant::new("shop", None).unwrap();
    assert_eq!(Envelope::api(&item(&elsewhere, Resource::Issue, object)).envelope, listed);
}

#[test]
fn a_foreign_host_is_noticed_on_both_faces() {
    let tenant = tenant();
    let body = r#"{"object_kind":"push","project":{"web_url":"https://other.example.com/a/b"}}"#;
    assert!(Envelope::webhook(&webhook(&tenant, body)).foreign_host);
    let object = r#"{"id":42,"web_url":"https://other.example.com/a/b"}"#;
    assert!(Envelope::api(&item(&tenant, Resource::Project, object)).foreign_host);
    let object = r#"{"id":42,"web_url":"https://gitlab.example.com/a/b"}"#;
    assert!(!Envelope::api(&item(&tenant, Resource::Project, object)).foreign_host);
}

#[test]
fn a_signature_makes_the_body_better_than_a_header() {
    let tenant = Tenant::new("shop", None).unwrap();
    let body = r#"{"object_kind":"push","project":{"web_url":"https://named.example.com/a/b"}}"#;
    let source = |proof| {
        let named_instance = Some("https://header.example.com");
        Envelope::webhook(&Webhook { proof, named_instance, ..webhook(&tenant, body) })
            .envelope
            .into_parts()
            .source
    };
    assert_eq!(source(Proof::Signed), "https://named.example.com");
    assert_eq!(source(Proof::Sender), "https://header.example.com");
}

#[test]
fn traces_go_on_or_begin_here() {
    let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(traceparent(Uuid::nil(), Some(sent)), sent);
    let began = traceparent(Uuid::from_u128(7), Some("nonsense"));
    assert!(is_traceparent(&began), "{began}");
    assert!(!is_traceparent(&sent.to_uppercase()));
}

/// The files of the services, without tests, that call a constructor, by their path in the repository.
fn callers(constructor: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources = ["ingest/src", "processor/src", "backfill/src", "compose", "benches"];
    let mut open: Vec<PathBuf> = sources.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let is_test = ["tests", "simulation", "target"].iter().any(|part| name.contains(part));
        if path.is_dir() && !is_test {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if name.ends_with(".rs") && !is_test {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(text.contains(&format!("Envelope::{constructor}(")).then_some(name));
        }
    }
    found.sort();
    found
}

#[test]
fn producers_alone_make_envelopes() {
    // The hook log holds the bodies of webhooks.
    assert_eq!(callers("webhook"), ["backfill/src/reconcile/logged.rs", "ingest/src/envelope.rs"]);
    assert_eq!(callers("test"), ["ingest/src/test_event.rs"]);
    assert_eq!(callers("stored"), ["processor/src/rebuild.rs"]);
    // The second file only needs the id of an event that the first publishes.
    assert_eq!(callers("api"), ["backfill/src/publish.rs", "backfill/src/reconcile/pushes.rs"]);
}
