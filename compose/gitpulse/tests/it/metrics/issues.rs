//! Cases of issues, contributors and releases, and of time and identity.

use serde_json::{Value, json};

use super::measure::{Faces, Measured, measure};
use super::story::{Landing, MergeRequest, NONE, PROJECT, Story, iso, sha};

/// The values of some columns of the only row of a view that has these values.
#[track_caller]
fn columns<const N: usize>(measured: &Measured, view: &str, key: Value, names: [&str; N]) -> Value {
    let row = measured.one(view, key);
    Value::Array(names.map(|name| row[name].clone()).to_vec())
}

/// Checks columns of a row in every source.
#[track_caller]
fn check<const N: usize>(faces: &Faces, view: &str, key: &Value, names: [&str; N], expected: &Value) {
    for (face, measured) in faces.all() {
        assert_eq!(&columns(measured, view, key.clone(), names), expected, "{face}: {view} {key}");
    }
}

/// Closed on Monday, reopened, closed on Thursday: one lead time, until Thursday.
#[tokio::test(flavor = "multi_thread")]
async fn case_39_the_last_closing_counts() {
    let mut story = Story::default();
    let created = json!({"created_at": iso("03-02 08:00"), "closed_at": null});
    story.issue(701, "03-02 08:00", "issue/opened.webhook", created);
    story.issue(
        701,
        "03-02 12:00",
        "issue/closed.webhook",
        json!({"created_at": iso("03-02 08:00"), "closed_at": iso("03-02 12:00")}),
    );
    story.issue(
        701,
        "03-03 12:00",
        "issue/reopened.webhook",
        json!({"created_at": iso("03-02 08:00"), "closed_at": null}),
    );
    story.issue(
        701,
        "03-05 08:00",
        "issue/closed.webhook",
        json!({"created_at": iso("03-02 08:00"), "closed_at": iso("03-05 08:00")}),
    );
    story.issue_turned(701, 1, "03-02 12:00", "closed");
    story.issue_turned(701, 2, "03-03 12:00", "reopened");
    story.issue_turned(701, 3, "03-05 08:00", "closed");
    story.issue_is(701, json!({"created_at": iso("03-02 08:00"), "updated_at": iso("03-05 08:00"), "closed_at": iso("03-05 08:00")}));
    let names = ["closed_at", "lead_time_seconds", "reopenings", "counts_closed"];
    check(
        &measure(&story).await,
        "issue_metrics",
        &json!({"issue_id": 701}),
        names,
        &json!(["2026-03-05 08:00:00", 3 * 86_400, 1, true]),
    );
}

/// The issue that was moved away counts nowhere; the new one is as old as the first.
#[tokio::test(flavor = "multi_thread")]
async fn n8_a_moved_issue_counts_once() {
    let mut story = Story::default();
    let moved =
        json!({"created_at": iso("03-02 08:00"), "closed_at": iso("03-02 12:00"), "moved_to_id": 702});
    story.issue(701, "03-02 12:00", "issue/closed.webhook", moved.clone());
    story.issue_is(701, super::story::with(moved, json!({"updated_at": iso("03-02 12:00")})));
    let opened = json!({"created_at": iso("03-02 08:00"), "closed_at": null, "state": "opened"});
    story.issue(702, "03-02 12:00", "issue/opened.webhook", opened.clone());
    story.issue_is(702, super::story::with(opened, json!({"updated_at": iso("03-02 12:00")})));
    let faces = measure(&story).await;
    let names = ["is_moved", "counts_opened", "counts_closed", "lead_time_seconds"];
    check(&faces, "issue_metrics", &json!({"issue_id": 701}), names, &json!([true, false, false, null]));
    check(&faces, "issue_metrics", &json!({"issue_id": 702}), names, &json!([false, true, false, null]));
    check(
        &faces,
        "issue_metrics",
        &json!({"issue_id": 702}),
        ["created_at"],
        &json!(["2026-03-02 08:00:00"]),
    );
}

/// The SHAs of a project's contributions.
fn contributed(measured: &Measured, project: u64) -> Vec<String> {
    let rows = measured.find("contributions", json!({"project_id": project}));
    let mut shas: Vec<String> = rows.iter().map(|row| row["sha"].as_str().unwrap().to_owned()).collect();
    shas.sort();
    shas
}

/// Commits of the default branch, once each; the author is who wrote it, and an unlisted commit is a gap.
#[tokio::test(flavor = "multi_thread")]
async fn case_78_commits_of_the_default_branch() {
    let mut story = Story::default();
    story.object(
        schemas::api::resource::Resource::Project,
        &crate::law::records::body("project/checkout.api"),
    );
    story.contributed(
        PROJECT,
        "topic",
        "03-02 09:00",
        NONE,
        &[("a", "03-02 08:00"), ("t", "03-02 08:30")],
        2,
        false,
    );
    story.main_pushed("03-02 10:00", "z", &[("a", "03-02 08:00"), ("b", "03-02 09:30")], 25, false);
    story.main_pushed("03-02 11:00", "b", &[("c", "03-02 10:30")], 21, true);
    let faces = measure(&story).await;
    assert_eq!(contributed(&faces.webhooks, PROJECT), [sha("a"), sha("b"), sha("c")]);
    assert_eq!(contributed(&faces.both, PROJECT), [sha("a"), sha("b"), sha("c")]);
    // The API only listed the default branch, without a and b: a list of this story, not of GitLab.
    assert_eq!(contributed(&faces.api, PROJECT), [sha("c")]);
    let row = faces.both.one("contributions", json!({"sha": sha("c")}));
    assert_eq!(
        (&row["author"], &row["additions"], &row["author_is_bot"]),
        (&json!("mika@example.com"), &json!(3), &json!(false))
    );
    let row = faces.webhooks.one("contributions", json!({"sha": sha("b")}));
    assert_eq!((&row["author"], &row["additions"]), (&json!("mika@example.com"), &Value::Null));
    let gaps = |measured: &Measured| {
        measured
            .rows("contribution_gaps")
            .iter()
            .map(|row| row["unlisted_commits"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(gaps(&faces.webhooks), [json!(23), json!(20)]);
    assert_eq!(gaps(&faces.both), [json!(23)]);
}

/// Three commits squashed are one, rebased three; cherry-picked into another branch they do not count again.
#[tokio::test(flavor = "multi_thread")]
async fn n11_squashed_rebased_and_picked() {
    let mut story = Story::default();
    let branch = [("a", "03-02 08:00"), ("b", "03-02 08:10"), ("c", "03-02 08:20")];
    story.contributed(PROJECT, "squashed", "03-02 09:00", NONE, &branch, 3, false);
    story.main_pushed("03-02 10:00", "z", &[("s", "03-02 10:00")], 1, true);
    story.main_pushed(
        "03-02 11:00",
        "s",
        &[("ra", "03-02 11:00"), ("rb", "03-02 11:00"), ("rc", "03-02 11:00")],
        3,
        true,
    );
    story.contributed(PROJECT, "release", "03-02 12:00", "x", &[("p", "03-02 12:00")], 1, false);
    for (face, measured) in measure(&story).await.all() {
        if face == "API" {
            continue; // It names the default branch with the project alone, and lists no other branch.
        }
        assert_eq!(contributed(measured, PROJECT).len(), 4, "{face}");
    }
}

/// The same commit in a fork and in its upstream counts once in the group.
#[tokio::test(flavor = "multi_thread")]
async fn n12_a_commit_of_a_fork_is_no_other() {
    let mut story = Story::default();
    story.main_pushed("03-02 10:00", "z", &[("a", "03-02 09:00")], 1, true);
    story.contributed(43, "main", "03-02 10:05", "z", &[("a", "03-02 09:00")], 1, false);
    let faces = measure(&story).await;
    assert_eq!(contributed(&faces.both, 42), contributed(&faces.both, 43));
    assert_eq!(contributed(&faces.both, 43), [sha("a")]);
}

/// A release in the future is upcoming; a release contains what was merged since the previous one on the branch.
#[tokio::test(flavor = "multi_thread")]
async fn case_79_what_a_release_brought() {
    let mut story = Story::default();
    for (iid, landing, merged) in
        [(1, "A", "03-02 10:00"), (2, "B", "03-03 10:00"), (3, "C", "03-04 10:00"), (4, "D", "03-05 10:00")]
    {
        story.merged(&MergeRequest::new(iid, "03-01 10:00"), merged, &Landing::Merge(landing));
    }
    story.merged(&MergeRequest::new(5, "03-01 10:00").to("other"), "03-03 11:00", &Landing::Merge("E"));
    story.released("v1", "A", "03-02 12:00", "2026-03-02T12:00:00.000Z");
    story.released("v2", "C", "03-04 12:00", "2099-03-04T12:00:00.000Z");
    // The tag of a release that was made first, and moved on since.
    story.released("v0", "D", "03-01 12:00", "2026-03-06T12:00:00.000Z");
    let faces = measure(&story).await;
    let names = ["previous_tag", "merge_requests", "is_upcoming"];
    for (tag, expected) in
        [("v1", json!([null, 1, false])), ("v2", json!(["v1", 2, true])), ("v0", json!(["v2", 1, false]))]
    {
        check(&faces, "release_metrics", &json!({"tag": tag}), names, &expected);
    }
}

/// A time is a whole second in UTC, so that its day can be computed in any zone.
#[tokio::test(flavor = "multi_thread")]
async fn case_72_days_are_cut_when_asked() {
    let mut story = Story::default();
    let request = MergeRequest::new(1, "03-02 10:00");
    story.merged(&request, "03-02 22:00", &Landing::Merge("A"));
    check(
        &measure(&story).await,
        "merge_request_metrics",
        &json!({"iid": 1}),
        ["merged_at"],
        &json!(["2026-03-02 22:00:00"]),
    );
    let day = "SELECT toString(toDate(toDateTime('2026-03-02 22:00:00', 'UTC'), 'Etc/GMT-10'))";
    assert_eq!(asked::<String>(day).await, "2026-03-03");
}

/// A hook of the group and one of the project report the same merge: it counts once.
#[tokio::test(flavor = "multi_thread")]
async fn case_73_two_hooks_tell_once() {
    let mut story = Story::default();
    story.merged(&MergeRequest::new(1, "03-02 10:00"), "03-02 11:00", &Landing::Merge("A"));
    let group =
        story.webhooks.iter().map(|record| record.clone().through("group", "default")).collect::<Vec<_>>();
    story.webhooks.extend(group);
    for (face, measured) in measure(&story).await.all() {
        assert_eq!(measured.rows("merge_request_metrics").len(), 1, "{face}");
    }
}

/// Webhooks in seconds and the API in milliseconds give the same whole seconds.
#[tokio::test(flavor = "multi_thread")]
async fn case_74_whole_seconds_on_both_faces() {
    let mut story = Story::default();
    let request = MergeRequest::new(1, "03-02 10:00");
    story.merged(&request, "03-02 11:00", &Landing::Merge("A"));
    let precise = |record: crate::law::records::Record| {
        record.changed(|body| {
            for (name, value) in
                [("created_at", "2026-03-02T10:00:00.100Z"), ("merged_at", "2026-03-02T11:00:00.900Z")]
            {
                body[name] = json!(value);
            }
        })
    };
    story.objects = story.objects.into_iter().map(precise).collect();
    check(
        &measure(&story).await,
        "merge_request_metrics",
        &json!({"iid": 1}),
        ["open_seconds", "merged_at"],
        &json!([3600, "2026-03-02 11:00:00"]),
    );
}

/// What happened in March is right as soon as it is reported, in May.
#[tokio::test(flavor = "multi_thread")]
async fn case_80_told_in_may() {
    let mut story = Story::default();
    let request = MergeRequest::new(1, "03-02 10:00");
    story.merged(&request, "03-02 11:00", &Landing::Merge("A"));
    story.webhooks = story.webhooks.into_iter().map(|record| record.at(&iso("05-20 10:00"))).collect();
    check(
        &measure(&story).await,
        "merge_request_metrics",
        &json!({"iid": 1}),
        ["merged_at", "open_seconds"],
        &json!(["2026-03-02 11:00:00", 3600]),
    );
}

/// A project that was renamed keeps its history: rows have its id.
#[tokio::test(flavor = "multi_thread")]
async fn case_75_a_renamed_project() {
    let mut story = Story::default();
    story.merged(&MergeRequest::new(1, "03-02 10:00"), "03-02 11:00", &Landing::Merge("A"));
    let renamed = json!({"project_id": PROJECT, "path_with_namespace": "shop/basket", "updated_at": iso("03-05 10:00")});
    story.webhook(
        "03-05 10:00",
        &super::story::with(crate::law::records::body("project/renamed.webhook"), renamed),
    );
    story.merged(&MergeRequest::new(2, "03-06 10:00"), "03-06 11:00", &Landing::Merge("B"));
    for (face, measured) in measure(&story).await.all() {
        assert_eq!(measured.find("merge_request_metrics", json!({"project_id": PROJECT})).len(), 2, "{face}");
    }
}

/// A confidential issue is marked, and its row is hidden with that of `issues`, which its view reads with the rights of the reader: see `roles.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn case_82_confidential_issues_are_marked() {
    let mut story = Story::default();
    let secret =
        json!({"created_at": iso("03-02 08:00"), "closed_at": null, "confidential": true, "state": "opened"});
    story.issue(703, "03-02 08:00", "issue/opened.webhook", secret.clone());
    story.issue_is(703, super::story::with(secret, json!({"updated_at": iso("03-02 08:00")})));
    let names = ["confidential", "counts_opened"];
    check(&measure(&story).await, "issue_metrics", &json!({"issue_id": 703}), names, &json!([true, true]));
}

/// The median of an even number lies between the two in the middle, as in GitLab's database.
#[tokio::test(flavor = "multi_thread")]
async fn case_81_medians_are_interpolated() {
    let median: f64 = asked("SELECT quantileExactInclusive(0.5)(arrayJoin([1, 2, 3, 10]))").await;
    assert!((median - 2.5).abs() < f64::EPSILON);
}

/// One value of a query that reads no table.
async fn asked<T: clickhouse::RowOwned + clickhouse::RowRead>(query: &str) -> T {
    let client = clickhouse::Client::default().with_url(&crate::engines::shared().clickhouse_url);
    client.query(query).fetch_one().await.unwrap()
}
