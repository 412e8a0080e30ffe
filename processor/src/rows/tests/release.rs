use super::*;

/// The release from an event received this many seconds after noon.
fn release(action: &str, seconds: i64, rest: &str) -> ReleaseRow {
    let payload = format!(
        r#"{{"object_kind":"release","tag":"v1","action":"{action}","project":{{"id":42}},"created_at":"2026-11-22 11:00:00 UTC"{rest}}}"#
    );
    rows_of_webhook_at(&payload, seconds).releases.remove(0)
}

fn rows_of_webhook_at(payload: &str, seconds: i64) -> Rows {
    let head = Head::read(payload).unwrap();
    let kind = head.kind();
    let envelope = Envelope::stored(Parts {
        id: delivery_event_id("https://gitlab.example.com", payload),
        source: "https://gitlab.example.com".to_owned(),
        kind,
        subject: head.subject(kind, "fallback"),
        time: DateTime::from_timestamp(1_795_348_800 + seconds, 0).unwrap(),
        origin: Origin::Webhook,
        tenant: "default".to_owned(),
        delivery_id: Some(payload.to_owned()),
        traceparent: None,
        payload: Payload::Json(payload.to_owned()),
    });
    rows_for(decode(&envelope.to_record(&TopicPrefix::default()).unwrap().value).unwrap())
}

#[test]
fn a_creation_that_is_resent_later_undoes_nothing() {
    let updated = release("update", 0, r#","name":"new""#);
    let resent = release("create", 600, r#","name":"old""#);
    assert_eq!(newest(&updated.name, &resent.name).as_deref(), Some("new"));
}

#[test]
fn a_deleted_release_is_gone_until_a_later_fact_shows_it() {
    let created = release("create", -3600, "");
    let deleted = release("delete", 0, "");
    assert_eq!(newest(&created.deleted_at, &deleted.deleted_at), Some(1_795_348_800_000));
    let resent = release("create", 60, "");
    assert!(newest(&deleted.deleted_at, &resent.deleted_at).is_some());
    let again = r#"{"object_kind":"release","tag":"v1","action":"create","project":{"id":42},"created_at":"2026-11-22T12:00:30Z"}"#;
    let again = rows_of_webhook_at(again, 60).releases.remove(0);
    assert_eq!(newest(&deleted.deleted_at, &again.deleted_at), None);
    let updated = release("update", 60, "");
    assert_eq!(newest(&deleted.deleted_at, &updated.deleted_at), None);
}

#[test]
fn a_deletion_outranks_an_update_of_the_same_second() {
    let (updated, deleted) = (release("update", 0, ""), release("delete", 0, ""));
    assert!(newest(&updated.deleted_at, &deleted.deleted_at).is_some());
}

#[test]
fn a_creation_by_a_clock_that_is_ahead_does_not_hide_the_next_update() {
    let ahead = r#"{"object_kind":"release","tag":"v1","action":"create","project":{"id":42},"created_at":"2026-11-22T12:05:00Z","name":"old"}"#;
    let created = rows_of(ahead, "1").releases.remove(0);
    let updated = release("update", 10, r#","name":"new""#);
    assert_eq!(newest(&created.name, &updated.name).as_deref(), Some("new"));
}

#[test]
fn a_tag_without_a_project_is_no_release() {
    let payload = r#"{"object_kind":"release","tag":"v1","action":"create"}"#;
    let rows = rows_of(payload, "1");
    assert_eq!((rows.events.len(), rows.releases.len()), (1, 0));
}

#[test]
fn both_faces_tell_the_same_of_a_release() {
    let (webhook, api) = (example("release__update"), example("release__listed.api"));
    let (webhook, api) = (&webhook.releases[0], &api.releases[0]);
    assert_eq!((&webhook.tag, webhook.project_id), (&api.tag, api.project_id));
    assert_eq!(webhook.name, api.name);
    assert_eq!(webhook.commit_sha, api.commit_sha);
    assert_eq!(webhook.assets_count, api.assets_count);
    assert_eq!(webhook.links_count, api.links_count);
    assert_eq!(webhook.url, api.url);
    assert_eq!(webhook.created_at, api.created_at);
    assert_eq!(webhook.released_at, api.released_at);
}
