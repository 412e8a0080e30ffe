use super::*;

fn emoji(rest: &str) -> EmojiEventRow {
    let payload = format!(r#"{{"object_kind":"emoji","project_id":42,{rest}}}"#);
    rows_of(&payload, rest).emoji_events.remove(0)
}

const TIMES: &str = r#""created_at":"2026-11-02T08:00:00Z","updated_at":"2026-11-02T08:00:00Z""#;

#[test]
fn a_revocation_is_dated_only_where_the_award_was_touched() {
    let untouched = emoji(&format!(r#""event_type":"revoke","object_attributes":{{"id":1,{TIMES}}}"#));
    assert_eq!(untouched.occurred_at, Columns::absent());
    let touched = example("emoji__revoke_merge_request").emoji_events.remove(0);
    assert_eq!(touched.occurred_at.value, Some(1_793_712_407_530));
}

#[test]
fn an_award_and_its_revocation_are_two_rows_of_one_award() {
    let awarded = emoji(&format!(r#""event_type":"award","object_attributes":{{"id":1,{TIMES}}}"#));
    let revoked = emoji(&format!(r#""object_attributes":{{"id":"1","action":"revoke",{TIMES}}}"#));
    assert_eq!(awarded.id, revoked.id);
    assert_eq!((awarded.event_type.as_str(), revoked.event_type.as_str()), ("award", "revoke"));
}

#[test]
fn both_faces_tell_the_same_of_an_award() {
    let webhook = example("emoji__award").emoji_events.remove(0);
    let api = example("emoji__listed.api").emoji_events.remove(0);
    assert_eq!(
        (webhook.project_id, webhook.id, &webhook.event_type),
        (api.project_id, api.id, &api.event_type)
    );
    assert_eq!(webhook.occurred_at, api.occurred_at);
    assert_eq!(webhook.name, api.name);
    assert_eq!((webhook.awardable_type, webhook.awardable_id), (api.awardable_type, api.awardable_id));
    assert_eq!((webhook.user_id, webhook.user_username), (api.user_id, api.user_username));
}

#[test]
fn the_number_is_that_of_what_the_emoji_stands_on() {
    let numbers = |name: &str| {
        let row = example(name).emoji_events.remove(0);
        (row.awardable_iid, row.noteable_type, row.noteable_iid)
    };
    assert_eq!(numbers("emoji__award"), (Some(21), None, None));
    assert_eq!(numbers("emoji__award_merge_request"), (Some(7), None, None));
    assert_eq!(numbers("emoji__award_note"), (None, Some("MergeRequest".into()), Some(7)));
    assert_eq!(numbers("emoji__before_gitlab_19"), (None, Some("Issue".into()), Some(21)));
    assert_eq!(numbers("emoji__award_note_on_commit"), (None, Some("Commit".into()), None));
    assert_eq!(numbers("emoji__award_snippet"), (None, None, None));
}

#[test]
fn an_emoji_that_was_neither_awarded_nor_revoked_is_dead_lettered() {
    let rows = rows_of(r#"{"object_kind":"emoji","object_attributes":{"id":1}}"#, "1");
    assert_eq!((rows.events.len(), rows.emoji_events.len()), (1, 0));
}
