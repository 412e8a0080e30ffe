use serde_json::json;

use super::*;

fn check(list: List, node: Value, items: &[Value], parts: &[(List, u64)]) {
    let data = json!({"project": {"list": {"nodes": [node], "pageInfo": {"endCursor": "abc", "hasNextPage": true}}}});
    let told = read(list, 42, "https://gitlab.example.com", &to_raw_value(&data).unwrap()).unwrap();
    let found: Vec<Value> =
        told.items.iter().map(|item| serde_json::from_str(item.object.get()).unwrap()).collect();
    assert_eq!(found, items);
    let found: Vec<(List, u64)> = told.parts.iter().map(|part| (part.list, part.id)).collect();
    assert_eq!((found.as_slice(), told.next.as_deref()), (parts, Some("abc")));
}

#[test]
fn a_pipeline_is_what_rest_gives_alone() {
    let node = json!({
        "id": "gid://gitlab/Ci::Pipeline/7", "iid": "3", "name": null, "sha": "ab", "ref": "main", "source": "push", "status": "SUCCESS",
        "createdAt": "2026-01-05T08:00:00Z", "updatedAt": "2026-01-05T08:10:00Z", "startedAt": "2026-01-05T08:00:02Z",
        "finishedAt": "2026-01-05T08:10:00Z", "duration": 598, "queuedDuration": 2.0, "coverage": 71.5,
        "path": "/shop/checkout/-/pipelines/7", "user": {"id": "gid://gitlab/User/5", "username": "ann", "name": "Ann"},
        "upstream": {"id": "gid://gitlab/Ci::Pipeline/6"}, "downstream": {"nodes": [{"id": "gid://gitlab/Ci::Pipeline/8"}]},
    });
    let pipeline = json!({
        "id": 7, "iid": 3, "project_id": 42, "name": null, "sha": "ab", "ref": "main", "source": "push", "status": "success",
        "created_at": "2026-01-05T08:00:00Z", "updated_at": "2026-01-05T08:10:00Z", "started_at": "2026-01-05T08:00:02Z",
        "finished_at": "2026-01-05T08:10:00Z", "duration": 598, "queued_duration": 2.0, "coverage": 71.5,
        "web_url": "https://gitlab.example.com/shop/checkout/-/pipelines/7", "user": {"id": 5, "username": "ann", "name": "Ann"},
        "upstream": {"id": 6},
    });
    check(List::Pipelines, node, &[pipeline], &[(List::TriggerJobs, 7)]);
}

#[test]
fn notes_of_a_merge_request_are_what_rest_lists() {
    let node = json!({
        "id": "gid://gitlab/MergeRequest/70", "iid": "4", "updatedAt": "2026-01-05T08:10:00Z", "commitCount": 2,
        "diffStatsSummary": {"additions": 10, "deletions": 3, "fileCount": 2},
        "notes": {"pageInfo": {"hasNextPage": true}, "nodes": [{
            "id": "gid://gitlab/Note/9", "body": "Fine.", "system": false, "internal": false, "createdAt": "2026-01-05T08:09:00Z",
            "updatedAt": "2026-01-05T08:09:00Z", "resolvable": false, "resolved": false, "resolvedAt": null,
            "author": {"id": "gid://gitlab/User/5", "username": "ann", "name": "Ann"}, "resolvedBy": null,
        }]},
    });
    let request = json!({
        "id": 70, "iid": 4, "project_id": 42, "updated_at": "2026-01-05T08:10:00Z", "commit_count": 2,
        "diff_stats": {"additions": 10, "deletions": 3, "file_count": 2},
    });
    let note = json!({
        "id": 9, "body": "Fine.", "system": false, "internal": false, "noteable_type": "MergeRequest", "noteable_id": 70,
        "noteable_iid": 4, "project_id": 42, "author": {"id": 5, "username": "ann", "name": "Ann"},
        "created_at": "2026-01-05T08:09:00Z", "updated_at": "2026-01-05T08:09:00Z", "resolvable": false, "resolved": false,
        "resolved_at": null, "resolved_by": null,
    });
    check(List::MergeRequestDetails, node, &[request, note], &[(List::MergeRequestNotes, 4)]);
}

#[test]
fn a_bot_that_had_a_part_in_a_merge_request_is_told_as_a_user() {
    let somebody = |id: u64, name: &str, bot: bool| json!({"id": format!("gid://gitlab/User/{id}"), "username": name, "name": name, "bot": bot});
    let note = |author: Value| json!({"id": "gid://gitlab/Note/9", "body": "Fine.", "system": false, "internal": false, "author": author, "resolvedBy": null});
    let node = json!({
        "id": "gid://gitlab/MergeRequest/70", "iid": "4", "updatedAt": "2026-01-05T08:10:00Z", "commitCount": 2, "diffStatsSummary": null,
        "author": somebody(8, "updates", true), "mergeUser": somebody(8, "updates", true),
        "notes": {"pageInfo": {"hasNextPage": false}, "nodes": [note(somebody(5, "ann", false)), note(somebody(9, "linter", true))]},
    });
    let data = json!({"project": {"list": {"nodes": [node], "pageInfo": {"hasNextPage": false, "endCursor": null}}}});
    let told = read(List::MergeRequestDetails, 42, "", &to_raw_value(&data).unwrap()).unwrap();
    let users = told.items.iter().filter(|item| item.resource == Resource::User);
    let users: Vec<Value> = users.map(|item| serde_json::from_str(item.object.get()).unwrap()).collect();
    let bot = |id: u64, name: &str| json!({"id": id, "username": name, "name": name, "bot": true});
    assert_eq!(users, [bot(8, "updates"), bot(9, "linter")]);
}

#[test]
fn a_project_that_is_not_shown_is_told_from_lists_that_are_not() {
    let read = |data: Value| read(List::Pipelines, 42, "", &to_raw_value(&data).unwrap());
    assert!(matches!(read(json!({"project": null})), Err(TellError::NoProject)));
    assert!(matches!(read(json!({"project": {"list": null}})), Err(TellError::Hidden)));
    assert!(matches!(read(json!({"project": {"list": 3}})), Err(TellError::Shape(_))));
}

#[test]
fn an_answer_that_hides_a_row_or_a_page_is_an_error() {
    let read = |list, node: Value, page: Value| {
        let data = json!({"project": {"list": {"nodes": [node], "pageInfo": page}}});
        read(list, 42, "", &to_raw_value(&data).unwrap())
    };
    let last = json!({"hasNextPage": false, "endCursor": null});
    let pipeline = json!({"id": "gid://gitlab/Ci::Pipeline/7"});
    assert!(read(List::Pipelines, pipeline.clone(), last.clone()).is_ok_and(|told| told.next.is_none()));
    assert!(read(List::Pipelines, Value::Null, last.clone()).is_ok_and(|told| told.items.is_empty()));
    let more = json!({"hasNextPage": true, "endCursor": null});
    assert!(matches!(read(List::Pipelines, pipeline, more), Err(TellError::NoCursor)));
    assert!(matches!(read(List::Pipelines, json!({"iid": "7"}), last.clone()), Err(TellError::Row("id"))));
    assert!(matches!(
        read(List::MergeRequestDetails, json!({"id": "x/7"}), last),
        Err(TellError::Row("iid"))
    ));
}
