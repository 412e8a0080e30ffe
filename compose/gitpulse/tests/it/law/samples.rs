//! Deliveries of a hook's Test button. In: samples that GitLab invents, and real things reported again. Out: only a row of `events`, and no change of
//! anybody's name.

use serde_json::json;

use super::apply::apply;
use super::records::{Record, body, changed, example};

/// What GitLab invents for the Test button of a hook is not a fact, and the user who clicked is not an author.
///
/// Guards against: any of them decoded as the real thing; its project and its user stored as a side effect.
#[tokio::test(flavor = "multi_thread")]
async fn samples_are_in_events_alone() {
    let samples = [
        "push/test",
        "push/system_hook_test",
        "tag_push/test",
        "emoji/test",
        "vulnerability/test",
        "access_token/test",
        "repository/test",
        "project/system_hook_test",
    ];
    for name in samples {
        let sample = example(&format!("{name}.webhook"));
        let tables = apply(std::slice::from_ref(&sample)).await;
        assert_eq!(tables.one("events")["is_sample"], true, "{name}");
        let filled: Vec<&String> =
            tables.0.iter().filter(|(_, rows)| !rows.is_empty()).map(|(view, _)| view).collect();
        assert_eq!(filled, ["events"], "{name}");
    }
    // A repository with one commit leads from it to itself.
    let mut single = body("push/test.webhook");
    single["commits"] = json!([single["commits"][0]]);
    single["before"] = single["after"].clone();
    assert!(apply(&[Record::webhook(&single)]).await.rows("pushes").is_empty());
    // Similar to a sample, but real.
    let real = [
        changed("emoji/test.webhook", &[("/object_attributes/id", json!(2))]),
        changed(
            "emoji/test.webhook",
            &[("/event_type", json!("revoke")), ("/object_attributes/action", json!("revoke"))],
        ),
    ];
    for record in real {
        let tables = apply(&[record]).await;
        assert_eq!(
            (tables.rows("emoji_events").len(), &tables.one("events")["is_sample"]),
            (1, &json!(false))
        );
    }
}

/// GitLab's test of a hook reports the newest version of a wiki page as created by whoever clicked.
///
/// Guards against: the greatest of both actors; two rows of one version.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_a_hook_changes_no_wiki_page() {
    let root = json!({"id": 100, "username": "zoe", "name": "Zoe"});
    for action in ["create", "update"] {
        let real = changed("wiki_page/update.webhook", &[("/object_attributes/action", json!(action))]);
        let places = [("/object_attributes/action", json!("create")), ("/user", root.clone())];
        let tested = changed("wiki_page/update.webhook", &places).later(3600);
        let tables = apply(&[real, tested]).await;
        let row = tables.one("wiki_page_events");
        assert_eq!(
            [&row["action"], &row["actor_id"], &row["actor_username"]],
            [&json!(action), &json!(9), &json!("mika")]
        );
    }
}
