use super::*;

/// The rows of several bodies, in one batch.
fn together(all: impl IntoIterator<Item = Rows>) -> Rows {
    let mut batch = Rows::default();
    all.into_iter().for_each(|rows| batch.append(rows));
    batch
}

fn project(rows: &Rows) -> &ProjectRow {
    assert_eq!(rows.projects.len(), 1);
    rows.projects.iter().next().unwrap()
}

fn user(rows: &Rows) -> &UserRow {
    assert_eq!(rows.users.len(), 1);
    rows.users.iter().next().unwrap()
}

/// An event of a merge request with a project, an actor and a time.
fn snapshot(updated_at: &str, project: &str, user: &str) -> Rows {
    let payload = format!(
        r#"{{"object_kind":"merge_request","project":{project},"user":{user},"object_attributes":{{"iid":7,"target_project_id":42,"updated_at":"{updated_at}"}}}}"#
    );
    rows_of(&payload, &payload)
}

fn hook(event_name: &str, fields: &str) -> Rows {
    let payload = format!(r#"{{"event_name":"{event_name}",{fields}}}"#);
    rows_of(&payload, &payload)
}

/// The membership of a user in project 42, from a webhook.
fn member(event_name: &str, updated_at: &str, access_level: &str) -> MemberRow {
    let fields = format!(
        r#""project_id":42,"user_id":11,"access_level":"{access_level}","created_at":"2026-11-02T08:00:00Z","updated_at":"{updated_at}""#
    );
    hook(event_name, &fields).members.remove(0)
}

/// The same membership from the API.
fn listed_member(fields: &str) -> MemberRow {
    rows_of_object(&format!(r#"{{"id":11,{fields}}}"#), EventKind::Member, "project/42/member/11")
        .members
        .remove(0)
}

#[test]
fn a_transfer_changes_columns_and_never_the_key() {
    let old = || snapshot("2026-11-02T08:00:00Z", r#"{"id":42,"path_with_namespace":"ada/shop"}"#, "{}");
    let moved = || {
        let path = r#""path_with_namespace":"shop/shop","old_path_with_namespace":"ada/shop""#;
        hook("project_transfer", &format!(r#""project_id":42,{path},"updated_at":"2026-11-03T08:00:00Z""#))
    };
    for rows in [[old(), moved()], [moved(), old()]] {
        assert_eq!(project(&together(rows)).path.value.as_deref(), Some("shop/shop"));
    }
}

#[test]
fn what_is_deleted_stays_so_until_something_later_is_told() {
    let deleted = || {
        // The project's last change was long before it was deleted.
        hook("project_destroy", r#""project_id":42,"updated_at":"2026-10-01T08:00:00Z""#)
    };
    let there = |at: &str| snapshot(at, r#"{"id":42,"path_with_namespace":"shop/checkout"}"#, "{}");
    let before = together([deleted(), there("2026-11-20T08:00:00Z")]);
    assert_eq!(project(&before).deleted_at.value, Some(1_790_841_600_000));
    let after = together([there("2026-11-22T12:00:01Z"), deleted()]);
    assert_eq!(project(&after).deleted_at.value, None);
}

#[test]
fn a_push_names_its_project_but_cannot_bring_it_back() {
    let push = rows_of(
        r#"{"object_kind":"push","ref":"refs/heads/main","before":"a","after":"b","project_id":42,"user_id":9,"user_username":"mika","project":{"id":42,"path_with_namespace":"shop/checkout","default_branch":null}}"#,
        "1",
    );
    assert_eq!(project(&push).path.value.as_deref(), Some("shop/checkout"));
    assert_eq!(project(&push).deleted_at, Columns::absent());
    // Null is a fact: the repository is empty.
    assert_eq!(
        (project(&push).default_branch.version.seconds, &project(&push).default_branch.value),
        (1_795_348_800, &None)
    );
    assert_eq!(
        (user(&push).username.value.as_deref(), user(&push).deleted_at),
        (Some("mika"), Columns::absent())
    );
}

#[test]
fn both_hooks_tell_of_one_deletion() {
    let (group_hook, system_hook) =
        (example("project__destroyed"), example("project__system_hook_destroyed"));
    assert_eq!(project(&group_hook).deleted_at, project(&system_hook).deleted_at);
    assert_eq!(together([group_hook, system_hook]).projects.len(), 1);
}

#[test]
fn the_test_of_a_system_hook_is_no_project() {
    let rows = example("project__system_hook_test");
    assert_eq!((rows.events.len(), rows.projects.len()), (1, 0));
}

#[test]
fn visibility_has_one_form() {
    let visibility = |rows: Rows| project(&rows).visibility.value.clone();
    let own = |text: &str| {
        hook(
            "project_update",
            &format!(r#""project_id":42,"project_visibility":"{text}","updated_at":"2026-11-02""#),
        )
    };
    let inside = |level: &str| {
        let project = format!(r#"{{"id":42,"name":"Checkout","visibility_level":{level}}}"#);
        snapshot("2026-11-02T08:00:00Z", &project, "{}")
    };
    assert_eq!(visibility(own("visibilitylevel|internal")).as_deref(), Some("internal"));
    assert_eq!(visibility(own("internal")).as_deref(), Some("internal"));
    assert_eq!(visibility(inside("10")).as_deref(), Some("internal"));
    assert_eq!((visibility(inside("7")), inside("7").unreadable), (None, 1));
}

#[test]
fn who_has_no_id_is_nobody() {
    let nameless =
        snapshot("2026-11-02T08:00:00Z", r#"{"id":42}"#, r#"{"username":"ada","name":"Ada Okafor"}"#);
    assert_eq!((nameless.projects.len(), nameless.users.len()), (0, 0));
    assert_eq!(example("user__key_created").users.len(), 0);
    assert_eq!(example("other__custom_template").users.len(), 0);
}

#[test]
fn the_api_names_the_author_beside_what_the_reader_may_do() {
    let rows = rows_of_object(
        r#"{"iid":7,"user":{"can_merge":false},"author":{"id":7,"username":"ada","state":"blocked"},"updated_at":"2026-11-02T08:00:00Z"}"#,
        EventKind::MergeRequest,
        "project/42/merge_request/7",
    );
    assert_eq!((user(&rows).user_id, user(&rows).state.value.as_deref()), (7, Some("blocked")));
}

#[test]
fn both_faces_tell_the_same_of_a_member() {
    for (webhook, api) in [
        ("member__project_updated", "member__project_member.api"),
        ("member__system_hook_updated", "member__group_member.api"),
    ] {
        let (webhook, api) = (example(webhook).members.remove(0), example(api).members.remove(0));
        let key = |row: &MemberRow| (row.instance.clone(), row.project_id, row.group_id, row.user_id);
        let told = |row: &MemberRow| {
            (
                row.username.value.clone(),
                row.access_level.value,
                row.access.value.clone(),
                row.requested.value,
                row.expires_at.value,
            )
        };
        assert_eq!((key(&webhook), told(&webhook)), (key(&api), told(&api)));
        assert_eq!(
            webhook.created_at.value.map(|time| time / 1000),
            api.created_at.value.map(|time| time / 1000)
        );
    }
}

#[test]
fn a_removal_holds_against_older_listings_and_adding_again_against_the_removal() {
    let removed = member("user_remove_from_team", "2026-11-02T08:00:00Z", "Developer");
    let listed = listed_member(r#""access_level":30,"created_at":"2026-11-02T08:00:00.500Z""#);
    assert!(newest(&listed.deleted_at, &removed.deleted_at).is_some());
    assert!(newest(&removed.deleted_at, &listed.deleted_at).is_some());
    let again = listed_member(r#""access_level":30,"created_at":"2026-11-05T08:00:00.500Z""#);
    assert_eq!(newest(&removed.deleted_at, &again.deleted_at), None);
    let added = member("user_add_to_team", "2026-11-05T08:00:00Z", "Guest");
    assert_eq!(newest(&removed.deleted_at, &added.deleted_at), None);
}

#[test]
fn changes_of_a_membership_in_one_second_are_in_order() {
    let at = "2026-11-02T08:00:00Z";
    let asked = member("user_access_request_to_project", at, "Developer");
    let added = member("user_add_to_team", at, "Developer");
    let updated = member("user_update_for_team", at, "Maintainer");
    let removed = member("user_remove_from_team", at, "Maintainer");
    assert_eq!((asked.access_level.value, asked.requested.value), (None, Some(true)));
    assert_eq!(newest(&asked.requested, &added.requested), Some(false));
    assert_eq!(newest(&updated.access_level, &added.access_level), Some(40));
    assert!(newest(&removed.deleted_at, &updated.deleted_at).is_some());
}

#[test]
fn who_was_refused_holds_no_access() {
    let asked = member("user_access_request_to_project", "2026-11-02T08:00:00Z", "Developer");
    let refused = member("user_access_request_revoked_for_project", "2026-11-02T08:00:00Z", "Developer");
    assert_eq!(newest(&asked.access_level, &refused.access_level), None);
    assert_eq!(newest(&asked.requested, &refused.requested), Some(false));
    assert!(newest(&asked.deleted_at, &refused.deleted_at).is_some());
    // `created_at` in the API belongs to the user, not to the request.
    let listed =
        listed_member(r#""created_at":"2012-10-22T14:13:35Z","requested_at":"2026-11-02T08:00:00.250Z""#);
    assert_eq!(listed.created_at.value, Some(1_793_606_400_250));
    assert!(newest(&listed.deleted_at, &refused.deleted_at).is_some());
}

#[test]
fn levels_and_their_names_are_one() {
    let access = |level: &str| {
        let row = member("user_add_to_team", "2026-11-02T08:00:00Z", level);
        (row.access_level.value, row.access.value)
    };
    let expected = |level: u8, name: &str| (Some(level), Some(name.to_owned()));
    assert_eq!(access("Minimal Access"), expected(5, "Minimal Access"));
    assert_eq!(access("Planner"), expected(15, "Planner"));
    assert_eq!(access("security manager"), expected(25, "Security Manager"));
    assert_eq!(access("25"), expected(25, "Security Manager"));
    assert_eq!(access("Master"), expected(40, "Maintainer"));
    assert_eq!(access("60"), (Some(60), None));
    assert_eq!(access("Release steward"), (None, Some("Release steward".to_owned())));
}

#[test]
fn the_last_segment_of_a_path_is_no_path() {
    let rows = example("member__added");
    let group = rows.groups.iter().next().unwrap();
    assert_eq!(
        (group.group_id, group.name.value.as_deref(), &group.path),
        (5, Some("Shop"), &Columns::absent())
    );
    let token = example("access_token__group_expiring");
    assert_eq!(token.groups.iter().next().unwrap().path.value.as_deref(), Some("shop"));
}

#[test]
fn what_does_not_say_who_it_is_about_is_only_an_event() {
    for rows in [
        hook("user_add_to_team", r#""project_id":42"#),
        hook("user_add_to_group", r#""user_id":11"#),
        hook("group_rename", r#""full_path":"shop""#),
        hook("project_rename", r#""path_with_namespace":"shop/checkout""#),
        hook("user_rename", r#""username":"ada""#),
    ] {
        assert_eq!((rows.events.len(), rows.len()), (1, 1));
    }
}
