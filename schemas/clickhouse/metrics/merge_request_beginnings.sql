-- Where a merge request's work began: its first commit, and the first push of its branch.
--
-- The list of its commits (API) has those of its head; what a force push took away only the pushes know. A branch can be used for several merge
-- requests: what belongs to this one came after the one before had ended. The commits of a fork's branch only the list has.
CREATE OR REPLACE VIEW ${database}.merge_request_beginnings ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project it would be merged into',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    first_commit_at Nullable(DateTime('UTC')) COMMENT 'When its first commit was written, by the clock of its author; NULL where it is not known: nobody listed all commits, and no push told of the first one',
    first_push_at Nullable(DateTime('UTC')) COMMENT 'When its branch was pushed first (receipt-derived, unless the API says when); NULL where that is not known, as of a fork'
)
${security}
AS
WITH
requests AS
(
    SELECT
        instance, project_id, iid, toUInt32(toUnixTimestamp(ifNull(created_at, toDateTime64(0, 3, 'UTC')))) AS opened,
        if(ifNull(source_project_id = project_id, false), concat('refs/heads/', ifNull(source_branch, '')), '') AS ref,
        -- The end of the latest merge request of this branch that had ended by then.
        ifNull(max(toUInt32(toUnixTimestamp(ifNull(merged_at, closed_at)))) OVER (
            PARTITION BY instance, project_id, ref ORDER BY iid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS ended,
        if(ended > opened OR ref = '', 0, ended) AS since
    FROM ${database}.merge_requests
),
-- Of each branch its first pushes, as (second, whether it made the branch, head, whether all its commits are listed). A branch that was pushed to more
-- often is a long-lived one: what is not among the first is not known from pushes.
pushed AS
(
    SELECT
        instance, project_id, pushes.ref AS ref,
        groupArraySorted(100)((
            toUInt32(toUnixTimestamp(pushed_at)), change = 'created', cityHash64(after), ifNull(commits_listed >= commits_count, false)
        )) AS moves
    FROM ${database}.pushes AS pushes
    WHERE ref_type = 'branch' AND change != 'deleted' AND ref_count IS NULL
    GROUP BY instance, project_id, pushes.ref
),
-- Of each branch the first commits that were pushed to it.
written AS
(
    SELECT instance, project_id, pushed_to AS ref, groupArraySorted(100)(toUInt32(toUnixTimestamp(assumeNotNull(ifNull(authored_at, committed_at))))) AS times
    FROM ${database}.commits AS commits
    ARRAY JOIN commits.refs AS pushed_to
    WHERE ifNull(authored_at, committed_at) IS NOT NULL
    GROUP BY instance, project_id, pushed_to
),
listed AS
(
    SELECT
        instance, project_id, merge_request_iid AS iid, ifNull(toUInt32(toUnixTimestamp(min(ifNull(authored_at, committed_at)))), 0) AS first_listed,
        groupArray(cityHash64(sha)) AS shas
    FROM ${database}.merge_request_commits
    GROUP BY instance, project_id, merge_request_iid
),
joined AS
(
    SELECT
        instance, project_id, iid, opened, first_listed,
        arrayFirst(move -> move.1 > since, moves) AS first_move,
        -- The first push is known if it made the branch, or follows what was merged from it before.
        first_move.1 > 0 AND (first_move.2 OR (since > 0 AND first_move.1 <= opened)) AS is_known,
        if(is_known AND first_move.4, arrayFirst(second -> second > since, times), 0) AS first_pushed,
        is_known AND has(shas, first_move.3) AS is_intact
    FROM requests
    LEFT ANY JOIN pushed USING (instance, project_id, ref)
    LEFT ANY JOIN written USING (instance, project_id, ref)
    LEFT ANY JOIN listed USING (instance, project_id, iid)
)
SELECT
    instance, project_id, iid,
    -- A commit that is younger than its merge request: a clock is wrong if the first push had it, else another commit was there before.
    toDateTime(nullIf(multiIf(
        is_intact, first_listed,
        first_pushed > 0, if(first_listed > 0, least(first_listed, first_pushed), first_pushed),
        first_listed > opened, 0,
        first_listed), 0), 'UTC') AS first_commit_at,
    toDateTime(if(is_known, first_move.1, NULL), 'UTC') AS first_push_at
FROM joined;
