-- The stages of a merge request: written, ready, reviewed, approved, merged, with the people involved and the duration of each.
--
-- The stages follow each other: coding (first commit to ready), pickup (to the first review), review (to the approval that was valid at the merge,
-- or to the merge if there was none), merge. A stage is never negative: if clocks disagree it is 0, and `notes` says so. For reviews alone,
-- merge_request_reviews costs a third.
CREATE OR REPLACE VIEW ${database}.merge_request_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the target project',
    iid UInt64 COMMENT 'Number within the project, as in !7',
    author_id Nullable(UInt64) COMMENT 'Who opened it',
    author_is_bot Bool COMMENT 'Whether the author is a bot: the API says so, or the user name is in the form for GitLab''s bots (project_7_bot_..., group_7_bot_...)',
    merged_by_bot Bool COMMENT 'Whether a bot merged it; that alone does not make it a bot''s merge request',
    target_branch String COMMENT 'Target branch',
    state LowCardinality(String) COMMENT 'opened, closed, locked or merged',
    opened_at Nullable(DateTime('UTC')) COMMENT 'When it was opened',
    first_commit_at Nullable(DateTime('UTC')) COMMENT 'When its first commit was written, including replaced commits; NULL if unknown',
    first_push_at Nullable(DateTime('UTC')) COMMENT 'When its branch was first pushed; NULL if unknown',
    ready_at Nullable(DateTime('UTC')) COMMENT 'When it was opened, or last left draft before its first review (or merge); NULL while it is a draft',
    review_requested_at Nullable(DateTime('UTC')) COMMENT 'When a review was first requested',
    first_review_at Nullable(DateTime('UTC')) COMMENT 'When a reviewer first commented, approved, or gave a verdict',
    first_reviewer Nullable(String) COMMENT 'Who did the first review: user id, else @username',
    approved_at Nullable(DateTime('UTC')) COMMENT 'The last approval still valid at the end; if none was, the last one',
    merged_at Nullable(DateTime('UTC')) COMMENT 'When it was merged; it counts on this day',
    closed_at Nullable(DateTime('UTC')) COMMENT 'When it was closed without merging; NULL once reopened',
    coding_seconds Nullable(Int64) COMMENT 'From the first commit to ready; 0 if the commit is later (note clock)',
    pickup_seconds Nullable(Int64) COMMENT 'From ready to the first review; 0 if it was reviewed in draft',
    review_seconds Nullable(Int64) COMMENT 'From the first review to the approval, or to the merge if there was none',
    merge_seconds Nullable(Int64) COMMENT 'From the approval to the merge',
    cycle_seconds Nullable(Int64) COMMENT 'From the first commit to the merge; from the opening if that is earlier or no commit is known',
    open_seconds Nullable(Int64) COMMENT 'From the opening to the merge',
    request_to_review_seconds Nullable(Int64) COMMENT 'From the first request to the first review; NULL if a review was not requested before',
    closed_seconds Int64 COMMENT 'Time during which it was closed before a reopening; the other durations include it',
    draft_seconds Int64 COMMENT 'Time during which it was a draft before it became ready',
    rounds UInt64 COMMENT 'Rounds of review: a round begins with the first action of a reviewer after the opening or a push',
    approvals UInt64 COMMENT 'Approvals, including revoked and reset ones',
    approvers UInt64 COMMENT 'People who approved',
    comments UInt64 COMMENT 'All comments until it was merged or closed, without internal ones and GitLab''s own notes',
    commits Nullable(UInt64) COMMENT 'Number of commits; the API alone says it',
    additions Nullable(UInt64) COMMENT 'Lines added; the API alone says it',
    deletions Nullable(UInt64) COMMENT 'Lines deleted; the API alone says it',
    changed_files Nullable(UInt64) COMMENT 'Changed files; the API alone says it',
    is_unreviewed Bool COMMENT 'Whether it was merged without any action of a reviewer',
    is_promotion Bool COMMENT 'Whether it only carries merged changes to another branch: throughput excludes it',
    is_revert Bool COMMENT 'Whether it reverts another one',
    is_reverted Bool COMMENT 'Whether another one reverted it',
    notes Array(String) COMMENT 'Notes on its numbers, sorted: clock, first_commit_unknown, reviewed_in_draft, unreviewed'
)
${security}
AS
WITH if(ifNull(first_commit_at < opened_at, false), first_commit_at, opened_at) AS began_at
SELECT
    requests.instance AS instance, requests.project_id AS project_id, requests.iid AS iid, author_id, author_is_bot, merged_by_bot, target_branch,
    state, opened_at, first_commit_at, first_push_at, ready_at, review_requested_at, first_review_at, first_reviewer, approved_at, merged_at,
    closed_at,
    if(first_commit_at > ready_at, 0, toInt64(toUnixTimestamp(ready_at)) - toInt64(toUnixTimestamp(first_commit_at))) AS coding_seconds,
    pickup_seconds, review_seconds, merge_seconds,
    if(merged_at < began_at, 0, toInt64(toUnixTimestamp(merged_at)) - toInt64(toUnixTimestamp(began_at))) AS cycle_seconds,
    open_seconds, request_to_review_seconds, closed_seconds, draft_seconds, rounds, approvals, approvers, comments, commits, additions, deletions,
    changed_files, is_unreviewed, is_promotion, is_revert, is_reverted,
    arrayFilter(note -> note != '', [
        if(ifNull(first_commit_at > ready_at, false), 'clock', ''), if(first_commit_at IS NULL, 'first_commit_unknown', ''),
        if(is_reviewed_in_draft, 'reviewed_in_draft', ''), if(is_unreviewed, 'unreviewed', '')
    ]) AS notes
FROM (SELECT * FROM ${database}.merge_request_reviews) AS requests
LEFT ANY JOIN
(
    SELECT instance, project_id, iid, first_commit_at, first_push_at FROM ${database}.first_commits
) AS beginnings USING (instance, project_id, iid)
LEFT ANY JOIN
(
    SELECT instance, project_id, iid, is_promotion, toBool(notEmpty(reverts)) AS is_revert FROM ${database}.merge_request_places
) AS places USING (instance, project_id, iid)
LEFT ANY JOIN
(
    SELECT instance, project_id, arrayJoin(reverts) AS iid, true AS is_reverted FROM ${database}.merge_request_places
) AS taken_back USING (instance, project_id, iid);
