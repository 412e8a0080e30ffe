-- Where each ref points: the SHA of the last listing, followed by the pushes since then, from before to after. Pushes are not ordered by receipt,
-- which is arbitrary: a ref that went A, B, C was at each SHA as often as it left it, except for the current one. If several SHAs are possible,
-- because a push in between is missing, or none, because the pushes form a circle, the last one pushed is taken. One case is decided by time. A
-- push from A to B may be reported again within ten minutes, after the ref had left B. It moved the ref again if the ref had returned to A in the
-- meantime and would otherwise still be there. (`pushes` does not count it, since two hooks could count it twice.) If the ref had not returned to
-- A, there was nothing to push from: a second hook was late.
CREATE OR REPLACE VIEW ${database}.ref_heads ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    ref String COMMENT 'Full name of the ref, as refs/heads/main',
    sha String COMMENT 'The SHA that it points to; all zeros once it was deleted (receipt-derived if its pushes form a circle or one is missing)',
    moved_at DateTime64(3, 'UTC') COMMENT 'When that SHA was pushed, or last seen there (receipt-derived)',
    first_pushed_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received a push or listing of it (receipt-derived)',
    last_pushed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last push (receipt-derived)',
    last_pusher_id Nullable(UInt64) COMMENT 'Who pushed last (receipt-derived)',
    last_pusher_username Nullable(String) COMMENT 'User name of who pushed last (receipt-derived)',
    pushes UInt64 COMMENT 'Number of known pushes',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted'
)
${security}
AS
WITH told AS
(
    SELECT
        facts.instance AS instance, facts.project_id AS project_id, facts.ref AS ref, before, after, pushed_at AS at, user_id, user_username, tenant,
        lagInFrame(toNullable(pushed_at)) OVER (
            PARTITION BY instance, project_id, ref, before, after ORDER BY pushed_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS previous,
        previous IS NULL OR at >= previous + INTERVAL 10 MINUTE AS begins,
        at > ifNull(listed.seen_at, toDateTime64(0, 3, 'UTC')) AS is_newer
    FROM ${database}.push_facts AS facts FINAL
    LEFT ALL JOIN (SELECT instance, project_id, ref, seen_at FROM ${database}.ref_head_facts FINAL) AS listed
        ON listed.instance = facts.instance AND listed.project_id = facts.project_id AND listed.ref = facts.ref
    -- A push of more refs than GitLab lists names none of them.
    WHERE facts.ref_count IS NULL
),
moves AS
(
    SELECT
        instance, project_id, ref, before, after,
        countIf(begins) AS pushes, countIf(begins AND is_newer) AS newer_pushes, max(is_newer) AS counts,
        min(at) AS first_at, max(at) AS last_at, maxIf(at, begins) AS last_begun_at,
        argMax((user_id, user_username), at) AS pusher, groupUniqArray(tenant) AS told_by
    FROM told
    GROUP BY instance, project_id, ref, before, after
),
-- Each move enters one SHA and leaves another; a listing enters one. Moves older than the listing enter nothing any more, but a late observation
-- cannot bring the ref back to a SHA that they left.
steps AS
(
    SELECT
        instance, project_id, ref, step.1 AS sha, step.2 AS balance, counts, step.3 AS entered_at, step.4 AS entered_last, step.5 AS left_last,
        step.6 AS known_pushes, step.7 AS entered_from, first_at, toNullable(last_at) AS pushed_at, pusher, told_by
    FROM
    (
        SELECT
            *,
            arrayJoin([
                (after, toInt64(newer_pushes), last_begun_at, last_at, toDateTime64(0, 3, 'UTC'), pushes, cityHash64(before)),
                (before, -toInt64(pushes), toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), last_at, 0, 0)
            ]) AS step
        FROM moves
    )
    UNION ALL
    SELECT
        instance, project_id, ref, assumeNotNull(tupleElement(facts.sha, 4)) AS sha, 1 AS balance, true AS counts, seen_at AS entered_at,
        seen_at AS entered_last, toDateTime64(0, 3, 'UTC') AS left_last, 0 AS known_pushes, 0 AS entered_from, first_seen_at AS first_at,
        NULL AS pushed_at,
        (NULL, NULL) AS pusher, tenants AS told_by
    FROM ${database}.ref_head_facts AS facts FINAL
    WHERE tupleElement(facts.sha, 4) IS NOT NULL
),
visited AS
(
    SELECT
        instance, project_id, ref, sha, sum(steps.balance) AS balances, max(steps.counts) AS is_known,
        max((entered_last, entered_at, entered_from)) AS entered, max(left_last) AS left_at, min(steps.first_at) AS known_at,
        max(steps.pushed_at) AS pushed_last_at, argMax(steps.pusher, steps.pushed_at) AS last_pusher, sum(known_pushes) AS known,
        groupUniqArrayArray(steps.told_by) AS told
    FROM steps
    GROUP BY instance, project_id, ref, sha
),
placed AS
(
    SELECT
        *,
        -- A ref whose pushes go from nothing to nothing is deleted, unless it was clearly created again: a deletion may be reported before the
        -- pushes that it followed.
        INTERVAL if(match(sha, '^0+$'), 10, 0) MINUTE AS doubt,
        (is_known, balances > 0, entered.2 + doubt, sha, entered.2) AS place,
        (is_known, balances > 0, entered.1 + doubt, sha, entered.1) AS place_again
    FROM visited
),
heads AS
(
    SELECT
        instance, project_id, ref, max(place) AS usual,
        -- SHAs that the ref may have reached again after it left them, and from where: it did if it had returned to that SHA by a push that was not
        -- itself a repeated report.
        groupArrayIf((place_again, entered), entered.2 < left_at AND left_at < entered.1) AS told_again,
        if(empty(told_again), [], groupArray((cityHash64(sha), entered.2))) AS entries,
        arrayFilter(told -> cityHash64(usual.4) = told.2.3 AND arrayExists(entry -> entry.1 = told.2.3 AND entry.2 > told.2.2 AND entry.2 <= told.2.1, entries), told_again) AS again,
        if(empty(again), usual, arrayMax(again).1) AS head,
        min(placed.known_at) AS first_known_at, max(placed.pushed_last_at) AS last_at,
        argMax(placed.last_pusher, placed.pushed_last_at) AS pusher, sum(placed.known) AS pushes_known, groupUniqArrayArray(placed.told) AS told_by
    FROM placed
    GROUP BY instance, project_id, ref
)
SELECT
    instance, project_id, ref, head.4 AS sha, head.5 AS moved_at, first_known_at AS first_pushed_at, last_at AS last_pushed_at,
    pusher.1 AS last_pusher_id, pusher.2 AS last_pusher_username, pushes_known AS pushes, arraySort(told_by) AS tenants
FROM heads;
