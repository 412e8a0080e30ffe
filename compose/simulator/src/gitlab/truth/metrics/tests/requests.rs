//! Lives of one merge request, minute by minute, with hand-written stages.

use super::*;

/// The metrics of one merge request with this life, by the minute.
fn lived(steps: &[(Millis, Person, Planned)]) -> MergeRequestMetric {
    let mut all = vec![(60, AUTHOR, Planned::Branch(1))];
    all.extend_from_slice(steps);
    let mut script = Script::told(vec![all]);
    script.live();
    metrics(script).merge_request_metrics.remove(0)
}

const DAY: Millis = 24 * 60;

#[test]
fn case_42_time_as_a_draft_is_no_waiting_for_review() {
    let row = lived(&[
        (100, AUTHOR, Planned::Opened(Draft::Yes)),
        (100 + 5 * DAY, AUTHOR, Planned::Ready),
        (160 + 5 * DAY, REVIEWER, Planned::Commented),
        (200 + 5 * DAY, REVIEWER, Planned::Merged),
    ]);
    assert_eq!((row.pickup_seconds, row.draft_seconds), (Some(3_600), 5 * 86_400));
    // Its commit was written 17 minutes before the push.
    assert_eq!(row.coding_seconds, Some(5 * 86_400 + (40 + 17) * 60));
    assert_eq!((row.review_seconds, row.merge_seconds), (Some(2_400), None));
}

#[test]
fn case_43_a_review_in_draft_was_waited_for_no_time() {
    let row = lived(&[
        (100, AUTHOR, Planned::Opened(Draft::Yes)),
        (160, REVIEWER, Planned::Commented),
        (200, AUTHOR, Planned::Ready),
        (300, REVIEWER, Planned::Approved(Noted::Never)),
        (310, REVIEWER, Planned::Merged),
    ]);
    assert_eq!((row.pickup_seconds, row.review_seconds), (Some(0), Some(140 * 60)));
    assert_eq!(row.notes, ["reviewed_in_draft"]);
}

#[test]
fn cases_44_to_47_a_review_is_what_another_person_says_before_the_merge() {
    let row = lived(&[
        (100, AUTHOR, Planned::Opened(Draft::No)),
        (101, Person::TRANSLATOR, Planned::Commented),
        (105, AUTHOR, Planned::Commented),
        (340, REVIEWER, Planned::Commented),
        (400, REVIEWER, Planned::Merged),
        (500, Person(5), Planned::Commented),
    ]);
    assert_eq!((row.pickup_seconds, row.rounds, row.comments), (Some(14_400), 1, 3));
    let unseen = lived(&[
        (100, AUTHOR, Planned::Opened(Draft::No)),
        (200, REVIEWER, Planned::Merged),
        (300, REVIEWER, Planned::Commented),
    ]);
    assert_eq!((unseen.pickup_seconds, unseen.review_seconds, unseen.is_unreviewed), (None, None, true));
    assert_eq!(unseen.notes, ["unreviewed"]);
}

#[test]
fn case_48_review_ends_at_the_last_approval_that_stood() {
    let row = lived(&[
        (100, AUTHOR, Planned::Opened(Draft::No)),
        (160, REVIEWER, Planned::Approved(Noted::Never)),
        (170, AUTHOR, Planned::Pushed(1)),
        (171, AUTHOR, Planned::ApprovalsReset),
        (220, REVIEWER, Planned::Approved(Noted::Never)),
        (230, REVIEWER, Planned::Merged),
    ]);
    assert_eq!(
        (row.approvals, row.approvers, row.review_seconds, row.merge_seconds),
        (2, 1, Some(3_600), Some(600))
    );
}

#[test]
fn case_50_a_round_begins_after_each_push() {
    let row = lived(&[
        (100, AUTHOR, Planned::Opened(Draft::No)),
        (600, REVIEWER, Planned::Commented),
        (605, REVIEWER, Planned::Commented),
        (660, AUTHOR, Planned::Pushed(1)),
        (720, REVIEWER, Planned::Commented),
        (780, AUTHOR, Planned::Pushed(1)),
        (840, REVIEWER, Planned::Approved(Noted::Never)),
        (850, REVIEWER, Planned::Merged),
    ]);
    assert_eq!(row.rounds, 3);
}

#[test]
fn case_52_closed_time_is_shown_and_not_taken_off() {
    let row = lived(&[
        (100, AUTHOR, Planned::Opened(Draft::No)),
        (200, AUTHOR, Planned::Closed),
        (200 + 7 * DAY, AUTHOR, Planned::Reopened),
        (300 + 7 * DAY, REVIEWER, Planned::Merged),
    ]);
    assert_eq!((row.closed_seconds, row.open_seconds), (7 * 86_400, Some(7 * 86_400 + 12_000)));
}
