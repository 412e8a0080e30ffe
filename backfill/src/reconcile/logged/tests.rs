use chrono::TimeZone;
use schemas::envelope::{Origin, Payload, delivery_event_id};
use serde_json::{Value, json};

use super::*;

const INSTANCE: &str = "https://gitlab.example.com";

fn read_at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 28, 12, 0, 0).unwrap()
}

fn logged(body: Value) -> Logged {
    let entry = json!({
        "id": 7, "trigger": "push_hooks", "created_at": "2026-11-27T08:00:00.123Z", "response_status": "500",
        "request_headers": {"Idempotency-Key": "f5e5f430", "X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "[REDACTED]"},
        "request_data": body,
    });
    let entry: Entry = serde_json::from_value(entry).unwrap();
    entry.logged(&Tenant::new("default", Some(INSTANCE)).unwrap(), read_at())
}

fn delivery(body: Value) -> Delivery {
    match logged(body) {
        Logged::Delivery(delivery) => *delivery,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_is_the_event_that_the_hook_would_have_brought() {
    let body = json!({"object_kind": "merge_request", "project": {"id": 42}, "object_attributes": {"iid": 7, "target_project_id": 42}});
    let Delivery { envelope, project_id, blanked_commits, shape } = delivery(body.clone());
    assert_eq!(envelope.id(), delivery_event_id(INSTANCE, "f5e5f430"));
    assert_eq!((envelope.origin(), envelope.delivery_id()), (Origin::HookLog, Some("f5e5f430")));
    assert_eq!(envelope.subject(), "project/42/merge_request/7");
    assert_eq!(envelope.time(), Utc.timestamp_millis_opt(1_795_766_400_123).unwrap());
    assert_eq!(envelope.payload(), &Payload::Json(body.to_string()));
    assert_eq!((project_id, blanked_commits, shape), (42, None, Shape::GitLab));
}

#[test]
fn secrets_in_a_logged_body_are_blanked() {
    let body = json!({"object_kind": "pipeline", "project": {"id": 42}, "object_attributes": {"id": 1, "variables": [{"key": "A", "value": "secret-value"}]}});
    let Payload::Json(payload) = delivery(body).envelope.payload().clone() else { panic!() };
    assert!(!payload.contains("secret-value"), "{payload}");
}

#[test]
fn what_gitlab_did_not_keep_is_recognised() {
    assert!(matches!(logged(json!({"oversize": true})), Logged::Oversize));
    assert!(matches!(logged(Value::Null), Logged::Empty));
    // A template may use the word too.
    assert_eq!(delivery(json!({"oversize": false})).shape, Shape::Template);
    assert_eq!(delivery(json!("deployed by {{user_name}}")).shape, Shape::Template);
    let push = |email: &str| {
        json!({"object_kind": "push", "project_id": 42, "ref": "refs/heads/main", "after": "abc", "user_email": "[REDACTED]",
               "commits": [{"id": "1", "author": {"email": "ada@example.com"}}, {"id": "abc", "author": {"email": email}}]})
    };
    let blanked = |email| delivery(push(email)).blanked_commits;
    assert_eq!(blanked("[REDACTED]"), Some(Commits { after: "abc".to_owned(), count: 2 }));
    assert_eq!(blanked("ada@example.com"), None);
}

#[test]
fn hooks_that_point_at_gitpulse_are_known_by_their_path() {
    let check = |url: &str, wanted: Option<&str>, expected: Option<&str>| {
        assert_eq!(tenant_of(url, wanted).as_deref(), expected, "{url}");
    };
    check("https://pulse.example.com/api/v1/webhooks/gitlab", None, Some(""));
    check("https://pulse.example.com/api/v1/webhooks/gitlab/", None, Some(""));
    check("http://x:8000/pulse/api/v1/webhooks/gitlab/shop?x=1", None, Some("shop"));
    check("https://{host}/api/v1/webhooks/gitlab/shop", None, Some("shop"));
    check("https://pulse.example.com/api/v1/webhooks/gitlabs", None, None);
    check("https://pulse.example.com/api/v1/webhooks/gitlab/shop/more", None, None);
    check("https://ci.example.com/hooks", None, None);
    check("https://ci.example.com/hooks", Some("https://ci.example.com/hooks"), Some(""));
    check("https://ci.example.com/other", Some("https://ci.example.com/hooks"), None);
}
