-- The review of a merge request: when it was ready, reviewed, approved and merged, who took part, and how long each part took.
--
-- Its events are one sorted array, read from the raw timeline. Repeated observations matter only for approvals: approvals of one user at most five
-- seconds apart, with nothing revoked between them, are one. Only events until the merge count (or until the closing, if it was not merged). A
-- reviewer is neither the author nor a bot; GitLab's own notes belong to nobody.
CREATE OR REPLACE VIEW ${database}.merge_request_reviews ${on_cluster}
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
    ready_at Nullable(DateTime('UTC')) COMMENT 'When it was opened, or last left draft before its first review (or merge); NULL while it is a draft',
    review_requested_at Nullable(DateTime('UTC')) COMMENT 'When a review was first requested',
    first_review_at Nullable(DateTime('UTC')) COMMENT 'When a reviewer first commented, approved, or gave a verdict',
    first_reviewer Nullable(String) COMMENT 'Who did the first review: user id, else @username',
    approved_at Nullable(DateTime('UTC')) COMMENT 'The last approval still valid at the end; if none was, the last one',
    merged_at Nullable(DateTime('UTC')) COMMENT 'When it was merged; it counts on this day',
    closed_at Nullable(DateTime('UTC')) COMMENT 'When it was closed without merging; NULL once reopened',
    pickup_seconds Nullable(Int64) COMMENT 'From ready to the first review; 0 if it was reviewed in draft',
    review_seconds Nullable(Int64) COMMENT 'From the first review to the approval, or to the merge if there was none',
    merge_seconds Nullable(Int64) COMMENT 'From the approval to the merge',
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
    is_reviewed_in_draft Bool COMMENT 'Whether the first review was while it was a draft'
)
${security}
AS
WITH
    -- Never negative, and NULL if one of the times is unknown (which `greatest` would ignore).
    (later, earlier) -> if(later < earlier, 0, later - earlier) AS passed,
bots AS
(
    SELECT instance, toNullable(user_id) AS user_id FROM ${database}.users
    WHERE ifNull(is_bot, false) OR ifNull(match(username, '${bot_names}'), false)
),
-- Each as (second, kind, actor, whether a bot, note). The order of kinds suits events of one second: 1 opened, 2 closed, 3 reopened, 4 a push, 5
-- drafted, 6 ready, 7 review requested, 8 commented, 9 reviewed, 10 changes requested, 11 approved, 12 unapproved, 13 approvals reset.
told AS
(
    SELECT
        instance, project_id, merge_request_iid AS iid,
        arraySort(groupArray((
            toUInt32(at),
            if(is_reset, 13, transform(toString(action),
                ['opened', 'closed', 'reopened', 'updated', 'drafted', 'ready', 'review_requested', 'commented', 'reviewed', 'changes_requested', 'approved', 'unapproved'],
                [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0))::UInt8,
            actor,
            (instance, actor_id) IN bots OR (actor_id IS NULL AND startsWith(actor, '@') AND match(substring(actor, 2), '${bot_names}')),
            ifNull(note_id, 0)
        ))) AS all_events
    FROM ${database}.merge_request_timeline
    WHERE action NOT IN ('merged', 'retargeted') AND (action != 'updated' OR oldrev != '')
    GROUP BY instance, project_id, merge_request_iid
),
requests AS
(
    SELECT
        instance, project_id, iid, merge_requests.author_id AS author_id, toString(ifNull(merge_requests.author_id, 0)) AS author, merge_user_id,
        ifNull(merge_requests.target_branch, '') AS target_branch, ifNull(merge_requests.state, '') AS state, ifNull(draft, false) AS is_draft,
        toInt64(toUnixTimestamp(created_at)) AS opened, toInt64(toUnixTimestamp(merge_requests.merged_at)) AS merged,
        toInt64(toUnixTimestamp(merge_requests.closed_at)) AS closed, ifNull(if(merged IS NULL, closed, merged), 4294967295) AS ended,
        commit_count, merge_requests.additions AS additions, merge_requests.deletions AS deletions, merge_requests.changed_files AS changed_files
    FROM ${database}.merge_requests AS merge_requests
),
joined AS
(
    SELECT
        *,
        arrayFilter(event -> event.1 <= ended, all_events) AS events,
        -- Reviews and pushes.
        arrayFilter(event -> event.2 = 4 OR (event.2 BETWEEN 8 AND 11 AND NOT event.4 AND event.3 != author), events) AS steps,
        arrayFirst(event -> event.2 != 4, steps) AS review,
        nullIf(toInt64(review.1), 0) AS reviewed,
        -- Drafts: only changes of state. The first one shows how it was opened.
        arrayFilter(event -> event.2 IN (5, 6), events) AS drafts,
        arrayFilter((event, before) -> event.2 != before, drafts, arrayPopBack(arrayPushFront(drafts.2, 0))) AS changes,
        if(if(empty(changes), is_draft AND merged IS NULL, changes[1].2 = 6), [toUInt32(ifNull(opened, 0))], []) AS drafted_from_start,
        arrayConcat(drafted_from_start, arrayFilter(event -> event.2 = 5, changes).1) AS drafted,
        arrayFilter(event -> event.2 = 6, changes).1 AS readied,
        reviewed IS NOT NULL AND arrayCount(second -> second <= reviewed, drafted) > arrayCount(second -> second <= reviewed, readied) AS is_reviewed_in_draft,
        toInt64(multiIf(
            empty(drafted), opened,
            is_reviewed_in_draft, if(empty(readied), NULL, readied[1]),
            reviewed IS NOT NULL, if(arrayExists(second -> second <= reviewed, readied), arrayLast(second -> second <= reviewed, readied), opened),
            length(drafted) > length(readied), NULL,
            empty(readied), opened,
            readied[-1])) AS readied_at,
        arrayFirst(event -> event.2 = 7, events).1 AS requested,
        -- Approvals: each observation by user, then one per chain, then those that were not revoked.
        arrayFilter(event -> event.2 IN (12, 13), events) AS undone,
        arraySort(event -> (event.3, event.1), arrayFilter(event -> event.2 = 11, events)) AS approvals_told,
        arrayFilter((event, before) -> NOT (
            event.3 = before.3 AND event.1 - before.1 <= 5
            AND NOT arrayExists(other -> other.1 BETWEEN before.1 AND event.1 AND (other.2 = 13 OR other.3 = event.3), undone)
        ), approvals_told, arrayPopBack(arrayPushFront(approvals_told, (0, 0, '', false, 0)))) AS approvals_given,
        arrayFilter(event -> NOT arrayExists(other -> other.1 > event.1 AND (other.2 = 13 OR other.3 = event.3), undone), approvals_given) AS approvals_standing,
        toInt64(nullIf(if(empty(approvals_standing), arrayMax(approvals_given.1), arrayMax(approvals_standing.1)), 0)) AS approved,
        -- Closings and reopenings: GitLab's list calls a reopening opened.
        arrayFilter(event -> event.2 IN (1, 2, 3), events) AS states,
        arrayFilter((event, before) -> (event.2 = 2) != (before = 2), states, arrayPopBack(arrayPushFront(states.2, 1))) AS turns,
        arrayFilter(event -> event.2 = 2, turns).1 AS closings,
        arrayFilter(event -> event.2 != 2, turns).1 AS reopenings
    FROM requests
    LEFT ANY JOIN told USING (instance, project_id, iid)
)
SELECT
    instance, project_id, iid, author_id, toBool(ifNull((instance, author_id) IN bots, false)) AS author_is_bot,
    toBool(merged IS NOT NULL AND ifNull((instance, merge_user_id) IN bots, false)) AS merged_by_bot,
    target_branch, state, toDateTime(opened, 'UTC') AS opened_at, toDateTime(readied_at, 'UTC') AS ready_at,
    toDateTime(nullIf(requested, 0), 'UTC') AS review_requested_at, toDateTime(reviewed, 'UTC') AS first_review_at,
    nullIf(review.3, '') AS first_reviewer, toDateTime(approved, 'UTC') AS approved_at,
    toDateTime(merged, 'UTC') AS merged_at, if(merged IS NULL, toDateTime(closed, 'UTC'), NULL) AS closed_at,
    if(is_reviewed_in_draft, 0, passed(reviewed, readied_at)) AS pickup_seconds,
    passed(ifNull(approved, merged), reviewed) AS review_seconds,
    passed(merged, approved) AS merge_seconds,
    passed(merged, opened) AS open_seconds,
    if(requested = 0 OR ifNull(requested > reviewed, true), NULL, reviewed - requested) AS request_to_review_seconds,
    arraySum((reopening, closing) -> toInt64(reopening) - closing, reopenings, arraySlice(closings, 1, length(reopenings))) AS closed_seconds,
    arraySum((ready, draft) -> toInt64(ready) - draft, readied, arraySlice(drafted, 1, length(readied))) AS draft_seconds,
    arrayCount((event, before) -> event.2 != 4 AND before = 4, steps, arrayPopBack(arrayPushFront(steps.2, 4))) AS rounds,
    length(approvals_given) AS approvals, length(arrayDistinct(approvals_given.3)) AS approvers, length(arrayDistinct(arrayFilter(event -> event.2 = 8, events).5)) AS comments,
    commit_count AS commits, additions, deletions, changed_files,
    toBool(merged IS NOT NULL AND reviewed IS NULL) AS is_unreviewed, toBool(is_reviewed_in_draft) AS is_reviewed_in_draft
FROM joined;
