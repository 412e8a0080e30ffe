-- A merge request's way: written, ready, reviewed, approved, merged; who took part, and how long each part took.
--
-- Its stages follow each other: coding (first commit to ready), pickup (to the first review), review (to the approval that stood at the merge, without one
-- to the merge), merge. A stage is never negative: where clocks disagree it is 0, and `notes` say so. Reviews alone merge_request_reviews has for a third of
-- the cost.
CREATE OR REPLACE VIEW ${database}.merge_request_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project it would be merged into',
    iid UInt64 COMMENT 'Number within the project, as in !7',
    author_id Nullable(UInt64) COMMENT 'Who opened it',
    author_is_bot Bool COMMENT 'Whether that is a bot: the API says so, or the user name is one that GitLab gives to bots (project_7_bot_..., group_7_bot_...)',
    merged_by_bot Bool COMMENT 'Whether a bot merged it, which makes it no bot''s merge request',
    target_branch String COMMENT 'Branch it was merged into, or would be',
    state LowCardinality(String) COMMENT 'opened, closed, locked or merged',
    opened_at Nullable(DateTime('UTC')) COMMENT 'When it was opened',
    first_commit_at Nullable(DateTime('UTC')) COMMENT 'When its first commit was written, replaced ones included; NULL where that is not known',
    first_push_at Nullable(DateTime('UTC')) COMMENT 'When its branch was pushed first; NULL where that is not known',
    ready_at Nullable(DateTime('UTC')) COMMENT 'When it was opened, or left draft last before its first review (or merge); NULL while it is a draft',
    review_requested_at Nullable(DateTime('UTC')) COMMENT 'When somebody was asked for review first',
    first_review_at Nullable(DateTime('UTC')) COMMENT 'When a reviewer commented, approved, or gave a verdict first',
    first_reviewer Nullable(String) COMMENT 'Who: user id, else @username',
    approved_at Nullable(DateTime('UTC')) COMMENT 'The last approval that stood in the end; where none stood, the last one',
    merged_at Nullable(DateTime('UTC')) COMMENT 'When it was merged: the day it is counted on',
    closed_at Nullable(DateTime('UTC')) COMMENT 'When it was closed without merging; NULL once reopened',
    coding_seconds Nullable(Int64) COMMENT 'From the first commit to ready; 0 where the commit is the younger one (note clock)',
    pickup_seconds Nullable(Int64) COMMENT 'From ready to the first review; 0 where it was reviewed in draft',
    review_seconds Nullable(Int64) COMMENT 'From the first review to the approval, without one to the merge',
    merge_seconds Nullable(Int64) COMMENT 'From the approval to the merge',
    cycle_seconds Nullable(Int64) COMMENT 'From the first commit, or the opening if that is earlier or no commit is known, to the merge',
    open_seconds Nullable(Int64) COMMENT 'From the opening to the merge',
    request_to_review_seconds Nullable(Int64) COMMENT 'From the first request to the first review; NULL where nobody asked, or only afterwards',
    closed_seconds Int64 COMMENT 'Time in which it was closed, and reopened after; part of the others, which do not leave it out',
    draft_seconds Int64 COMMENT 'Time in which it was a draft, and left that state after',
    rounds UInt64 COMMENT 'Rounds of review: one begins with the first reviewer''s action after the opening or a push',
    approvals UInt64 COMMENT 'Approvals, those that were taken back or reset included',
    approvers UInt64 COMMENT 'People who approved',
    comments UInt64 COMMENT 'Comments of anybody until it was merged or closed, without internal ones and GitLab''s own notes',
    commits Nullable(UInt64) COMMENT 'Its commits; the API alone says it',
    additions Nullable(UInt64) COMMENT 'Lines that it adds; the API alone says it',
    deletions Nullable(UInt64) COMMENT 'Lines that it deletes; the API alone says it',
    changed_files Nullable(UInt64) COMMENT 'Files that it changes; the API alone says it',
    is_unreviewed Bool COMMENT 'Whether it was merged without a reviewer''s action',
    is_promotion Bool COMMENT 'Whether it brings to another branch what was merged already: it is in no throughput',
    is_revert Bool COMMENT 'Whether it takes another one back',
    is_reverted Bool COMMENT 'Whether another one took it back',
    notes Array(String) COMMENT 'What to know about its numbers, sorted: clock, first_commit_unknown, reviewed_in_draft, unreviewed'
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
