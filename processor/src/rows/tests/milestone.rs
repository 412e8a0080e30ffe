use super::*;

fn milestone(action: &str, updated_at: &str, rest: &str) -> MilestoneRow {
    let payload = format!(
        r#"{{"object_kind":"milestone","action":"{action}","object_attributes":{{"id":5,"project_id":42,"updated_at":"{updated_at}"{rest}}}}}"#
    );
    rows_of(&payload, updated_at).milestones.remove(0)
}

#[test]
fn a_deletion_outranks_the_change_whose_time_it_repeats() {
    let closed = milestone("close", "2026-11-02T08:00:00.900Z", r#","state":"closed""#);
    let deleted = milestone("delete", "2026-11-02 08:00:00 UTC", r#","state":"closed""#);
    assert_eq!(newest(&closed.deleted_at, &deleted.deleted_at), Some(1_795_348_800_000));
    assert_eq!(newest(&deleted.deleted_at, &closed.deleted_at), Some(1_795_348_800_000));
    let later = milestone("reopen", "2026-11-02T08:00:01Z", r#","state":"active""#);
    assert_eq!(newest(&deleted.deleted_at, &later.deleted_at), None);
}

#[test]
fn the_action_is_read_where_the_documentation_places_it() {
    let deleted =
        r#"{"object_kind":"milestone","object_attributes":{"id":5,"project_id":42,"action":"delete"}}"#;
    assert!(rows_of(deleted, "1").milestones[0].deleted_at.value.is_some());
}

#[test]
fn a_date_that_is_taken_away_is_null() {
    let dated = milestone("create", "2026-11-02T08:00:00Z", r#","due_date":"2026-11-06""#);
    let bare = milestone("close", "2026-11-02T09:00:00Z", r#","due_date":null"#);
    assert_eq!(dated.due_date.value, Some(20_763));
    assert_eq!(newest(&dated.due_date, &bare.due_date), None);
}

#[test]
fn both_faces_tell_the_same_of_a_milestone() {
    for (webhook, api) in [("reopen", "listed"), ("group_close", "group_listed")] {
        let webhook = example(&format!("milestone__{webhook}")).milestones.remove(0);
        let api = example(&format!("milestone__{api}.api")).milestones.remove(0);
        assert_eq!((webhook.project_id, webhook.id), (api.project_id, api.id));
        assert_eq!(webhook.iid, api.iid);
        assert_eq!(webhook.group_id.value, api.group_id.value);
        assert_eq!(webhook.title, api.title);
        assert_eq!(webhook.state, api.state);
        assert_eq!((webhook.start_date, webhook.due_date), (api.start_date, api.due_date));
        assert_eq!((webhook.created_at, webhook.updated_at), (api.created_at, api.updated_at));
        assert_eq!(webhook.deleted_at, api.deleted_at);
    }
}

#[test]
fn a_milestone_of_a_group_is_one_row_whoever_lists_it() {
    let object = r#"{"id":5,"group_id":5,"title":"Before the holidays"}"#;
    let row = rows_of_object(object, EventKind::Milestone, "project/42/milestone/5").milestones.remove(0);
    assert_eq!((row.project_id, row.id, row.group_id.value), (0, 5, Some(5)));
}
