//! Positions that a run saved and that GitLab refuses later, for example the cursor of a deleted branch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::usual::{asked, behind, connection, node, objects, usual};
use super::{backfill, counts, deployment, stderr, stdout};
use crate::deployment::Deployment;
use crate::scripted::{Answer, Question, Scripted, answer};

/// The cursor that a checkpoint saves.
const SECOND: &str = "second";
const LISTS: [&str; 4] = ["branches", "jobs", "pipelines", "tags"];

/// The list of a request, and whether it is for the second page.
fn place(question: &Question) -> Option<(&'static str, bool)> {
    let (_, list) = asked(question).filter(|(_, list)| LISTS.contains(list))?;
    let is_second = match list {
        "pipelines" => behind(question).is_some(),
        _ => question.place.contains(SECOND),
    };
    Some((list, is_second))
}

/// The first page of a list, with a link to a second one.
fn first(list: &str) -> Answer {
    let rows = objects(1, 3).to_string();
    let next = |query: &str| answer(200, &[("Link", &format!("</?{query}>; rel=\"next\""))], &rows);
    match list {
        "pipelines" => {
            let page = connection(serde_json::json!([node(list, 2)]), Some(SECOND));
            answer(200, &[], &page.to_string())
        }
        "jobs" => next("pagination=keyset&cursor=second"),
        _ => next("pagination=keyset&page_token=second"),
    }
}

/// GitLab's answer to an unknown position.
fn refusal(list: &str) -> Answer {
    match list {
        "jobs" => answer(400, &[], r#"{"message":"400 Bad request - cursor is invalid"}"#),
        "pipelines" => {
            answer(200, &[], r#"{"data":{"project":null},"errors":[{"message":"Invalid cursor"}]}"#)
        }
        _ => answer(404, &[], r#"{"message":"404 Not Found"}"#),
    }
}

fn read(deployment: &Deployment) -> (Option<i32>, [usize; 5], String) {
    let output = backfill(deployment, &["--project", "1", "--only", &LISTS.join(",")]);
    let said = stdout(&output);
    (output.status.code(), counts(&said), format!("{said}{}", stderr(&output)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_place_that_gitlab_refuses_is_given_up_unless_the_list_is_refused_as_well() {
    let run = Arc::new(AtomicU32::new(1));
    let of_server = run.clone();
    let server = Scripted::start(move |question| {
        match (of_server.load(Ordering::SeqCst), place(question)) {
            (_, None) => usual(question, 1, ""),
            (1, Some((list, false))) => first(list),
            (1, Some((_, true))) => answer(500, &[], "{}"),
            // All requests for tags are refused.
            (2, Some(("tags", _))) => refusal("tags"),
            (2, Some((list, true))) => refusal(list),
            (2, Some((_, false))) => match asked(question) {
                Some((_, list @ "pipelines")) => {
                    let page = connection(serde_json::json!([node(list, 2), node(list, 1)]), None);
                    answer(200, &[], &page.to_string())
                }
                _ => answer(200, &[], &objects(2, 3).to_string()),
            },
            // It is available again.
            (_, Some(("pipelines", _))) => {
                answer(200, &[], &connection(serde_json::json!([]), None).to_string())
            }
            (_, Some(_)) => answer(200, &[], "[]"),
        }
    })
    .await;
    let deployment = deployment("places", &server.url());
    let (code, counts, said) = read(&deployment);
    assert_eq!((code, counts), (Some(1), [0, 0, 4, 0, 0]), "{said}");

    run.store(2, Ordering::SeqCst);
    let (code, counts, said) = read(&deployment);
    assert_eq!((code, counts), (Some(0), [3, 1, 0, 0, 0]), "{said}");
    let dropped = said.lines().filter(|line| line.contains("GitLab refuses the page that a run before"));
    let dropped: Vec<&str> = dropped.collect();
    assert_eq!(dropped.len(), 3, "{said}");
    for list in ["branches", "jobs", "pipelines"] {
        assert!(dropped.iter().any(|line| line.contains(list)), "{list}: {said}");
    }
    let kept = "SELECT count() FROM backfill_checkpoints FINAL WHERE state LIKE '%second%'";
    assert_eq!(deployment.value::<u64>(kept).await, 1, "the place in the tags is kept");

    run.store(3, Ordering::SeqCst);
    let before = server.asked().len();
    let (code, _, said) = read(&deployment);
    assert_eq!(code, Some(0), "{said}");
    let asked = server.asked();
    let tags: Vec<_> = asked[before..].iter().filter(|head| head.contains("/repository/tags?")).collect();
    assert!(tags[0].contains("page_token=second"), "{tags:?}");
}
