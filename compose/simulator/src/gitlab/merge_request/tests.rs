use super::*;
use crate::gitlab::dice::Dice;

fn request(steps: Vec<Step>) -> MergeRequest {
    let sha = Dice::at(1, &[]).sha();
    MergeRequest {
        story: Story::Plain,
        author: Person(3),
        reviewer: Person(4),
        source: Ref::Topic(0),
        target: Ref::Main,
        base: sha,
        steps,
        first_commits: vec![0],
        first_head: sha,
        head_pipeline: None,
        imported_before: 0,
        deleted_at: None,
        life: Life::default(),
    }
}

fn step(at: Millis, what: What) -> Step {
    Step { at, by: Person(4), what }
}

#[test]
fn a_reopened_one_is_closed_by_nobody() {
    let request =
        request(vec![step(10, What::Opened(Draft::No)), step(20, What::Closed), step(30, What::Reopened)]);
    assert_eq!(request.at(9), None);
    assert_eq!(request.at(25).unwrap().closed, Some((20, Person(4))));
    let state = request.at(30).unwrap();
    assert_eq!((state.state, state.closed, state.updated_at), ("opened", None, 30));
}

#[test]
fn an_approval_moves_updated_at_two_seconds_later_or_never() {
    let request = request(vec![
        step(10, What::Opened(Draft::No)),
        step(20, What::Approved(Noted::Later)),
        step(5_000, What::Approved(Noted::Never)),
    ]);
    assert_eq!(request.updated_at(20), Some(10));
    assert_eq!(request.updated_at(10_000), Some(2_020));
    assert_eq!(request.at(10_000).unwrap().updated_at, 2_020);
}

#[test]
fn a_deleted_one_is_not_there_from_then_on() {
    let request = MergeRequest { deleted_at: Some(50), ..request(vec![step(10, What::Opened(Draft::No))]) };
    assert!(request.at(49).is_some() && request.updated_at(49).is_some());
    assert_eq!((request.at(50), request.updated_at(50)), (None, None));
}

#[test]
fn a_reset_takes_every_approval_back() {
    let request = request(vec![
        step(10, What::Opened(Draft::No)),
        step(20, What::Approved(Noted::Never)),
        step(30, What::ApprovalsReset),
    ]);
    assert_eq!(request.at(25).unwrap().approvals.len(), 1);
    assert!(request.at(30).unwrap().approvals.is_empty());
}
