//! Pushes, and the heads of branches and tags: followed from before to after, not in the order of receipt.

use rand::Rng;
use schemas::EventKind;
use serde_json::json;

use super::apply::{Life, apply, apply_lives, chance, shuffled, split};
use super::records::{Record, body, example};

const ZEROS: &str = "0000000000000000000000000000000000000000";

/// A SHA that is easy to read.
fn sha(letter: char) -> String {
    match letter {
        '0' => ZEROS.to_owned(),
        letter => letter.to_string().repeat(40),
    }
}

/// A push to a branch, this many seconds after noon. Letters stand for SHAs, 0 for none.
fn push(branch: &str, before: char, after: char, seconds: i64) -> Record {
    let (before, after) = (sha(before), sha(after));
    let body = json!({
        "object_kind": "push", "ref": format!("refs/heads/{branch}"), "before": before, "after": after,
        "project_id": 42, "project": {"id": 42}, "user_id": 9, "commits": [], "total_commits_count": 0,
    });
    Record::webhook(&body).later(seconds).through(&format!("at {seconds}"), "default")
}

async fn head(records: &[Record]) -> String {
    apply(records).await.one("branches")["head_sha"].as_str().unwrap_or("none").chars().take(1).collect()
}

/// Rule 12. Walks of a branch over few commits, forced back, deleted and recreated, each push reported by up to three hooks: there are as many pushes
/// as were made, and the head is that of the last push.
///
/// Seen to fail: every delivery of a push shown; pushes of one transition all one; the first push taken for the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_where_its_last_push_left_it() {
    const BRANCHES: usize = 40;
    let mut random = chance();
    let (mut records, mut walks) = (Vec::new(), Vec::new());
    for branch in 0..BRANCHES {
        let (mut at, mut seconds, mut walk) = ('0', 0, Vec::new());
        for _ in 0..random.random_range(1..8) {
            let to = ['a', 'b', 'c', '0'][random.random_range(0..4)];
            if to == at {
                continue;
            }
            // Hooks report one push within ten minutes.
            for hook in 0..random.random_range(1..=3) {
                let late = if hook == 0 { 0 } else { random.random_range(1..590) };
                let record = push(&format!("b{branch}"), at, to, seconds + late);
                records.push(record.through(&format!("hook {hook}"), "default"));
            }
            walk.push((seconds, to));
            at = to;
            seconds += random.random_range(1200..5000);
        }
        walks.push(walk);
    }
    let mut lives: Vec<Life> = vec![vec![records.clone()]];
    for _ in 0..4 {
        let order = shuffled(&[records.clone(), records.clone()].concat(), &mut random);
        lives.push(split(order, &mut random));
    }
    for tables in apply_lives(&lives).await {
        for (branch, walk) in walks.iter().enumerate().filter(|(_, walk)| !walk.is_empty()) {
            let name = format!("b{branch}");
            let pushed = |row: &&serde_json::Value| row["name"] == name.as_str();
            assert_eq!(tables.rows("pushes").iter().filter(pushed).count(), walk.len(), "{name}: {walk:?}");
            let row = tables.rows("branches").iter().find(pushed).unwrap();
            let expected = Some(walk.last().unwrap().1).filter(|to| *to != '0').map(sha);
            assert_eq!(row["head_sha"].as_str(), expected.as_deref(), "{name}: {walk:?}");
            assert_eq!(row["deleted_at"].is_null(), expected.is_some(), "{name}: {walk:?}");
            assert_eq!(row["pushes"], walk.len(), "{name}: {walk:?}");
        }
    }
}

/// Rule 12. Pushes that arrive in any order are followed from before to after.
///
/// Seen to fail: the head by receipt alone.
#[tokio::test(flavor = "multi_thread")]
async fn pushes_received_in_the_wrong_order_lead_to_the_right_head() {
    let pushes = |times: [i64; 3]| {
        [push("main", 'a', 'b', times[0]), push("main", 'b', 'c', times[1]), push("main", 'c', 'd', times[2])]
    };
    for times in [[0, 60, 120], [120, 60, 0], [60, 120, 0], [0, 120, 60]] {
        assert_eq!(head(&pushes(times)).await, "d", "{times:?}");
    }
}

/// Rule 12. A second hook that reports a push after the branch has moved on does not move it back. A push that is repeated within minutes does: the
/// branch had come back to where it began.
///
/// Seen to fail: every repeated report moves the branch; none does; every repeated report counts as having come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_hook_moves_nothing_back_and_a_push_made_again_does() {
    let made = push("main", '0', 'a', 0);
    let late =
        [made.clone(), push("main", 'a', 'b', 60), push("main", 'b', 'c', 120), push("main", 'a', 'b', 180)];
    assert_eq!(head(&late).await, "c");
    let longer =
        [&late[..], &[push("main", 'c', 'd', 240), push("main", 'd', 'e', 300), push("main", 'c', 'd', 360)]]
            .concat();
    assert_eq!(head(&longer).await, "e");
    // The same for two pushes in a row.
    let row = [("0a", 0), ("ab", 10), ("bc", 20), ("cd", 30), ("ab", 40), ("bc", 50)];
    let row = row.map(|(step, seconds)| {
        let (from, to) = (step.chars().next().unwrap(), step.chars().last().unwrap());
        push("main", from, to, seconds)
    });
    assert_eq!(head(&row).await, "d");
    // Nor if the branch had come back, and gone elsewhere.
    let elsewhere = [("0a", 0), ("ab", 10), ("ba", 20), ("ac", 30), ("ab", 40)];
    let elsewhere = elsewhere.map(|(step, seconds)| {
        let (from, to) = (step.chars().next().unwrap(), step.chars().last().unwrap());
        push("main", from, to, seconds)
    });
    assert_eq!(head(&elsewhere).await, "c");
    let again = [made, push("main", 'a', 'b', 60), push("main", 'b', 'a', 120), push("main", 'a', 'b', 180)];
    assert_eq!(head(&again).await, "b");
}

/// Rule 12. An old push that GitLab sends again keeps its id, and moves nothing; nor does the list of events, which says when it was.
///
/// Seen to fail: the latest receipt of a delivery kept, or in its key; pushes of the API at their receipt.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_push_that_is_resent_moves_nothing() {
    let pushed = example("push/update.webhook").at("2026-11-02T09:41:08Z");
    let (from, to) = (body("push/update.webhook")["after"].clone(), sha('e'));
    let mut next = body("push/update.webhook");
    next["before"] = from;
    next["after"] = json!(to);
    next["commits"] = json!([]);
    let next = Record::webhook(&next).at("2026-11-02T12:00:00Z");
    let resent = pushed.clone().at("2026-11-03T08:00:00Z");
    let listed = example("push/event_pushed.api").at("2026-11-04T08:00:00Z");
    let tables = apply(&[pushed, next, resent, listed]).await;
    assert_eq!(tables.rows("pushes").len(), 2);
    assert_eq!(tables.one("branches")["head_sha"], to);
}

/// Rule 12. A listing has the head of the branch when it was read: pushes after it move the branch, pushes before it do not.
///
/// Seen to fail: listings that say nothing; pushes before a listing followed from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_is_true_when_it_is_read() {
    let listed = |letter: char, seconds: i64| {
        let object =
            json!({"name": "main", "commit": {"id": sha(letter)}, "default": true, "protected": true});
        Record::object(EventKind::Push, "project/42/push/refs/heads/main", &object).later(seconds)
    };
    // Nobody reported what led there.
    assert_eq!(head(&[push("main", 'a', 'b', 0), listed('c', 60)]).await, "c");
    assert_eq!(head(&[push("main", 'a', 'b', 0), listed('c', 60), push("main", 'c', 'd', 120)]).await, "d");
    assert_eq!(head(&[push("main", 'a', 'b', 0), listed('a', 60)]).await, "a");
    assert_eq!(head(&[listed('c', 60), listed('e', 180), push("main", 'c', 'd', 120)]).await, "e");
}
