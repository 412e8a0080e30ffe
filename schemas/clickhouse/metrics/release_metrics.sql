-- A release, and how many merge requests it brought: those that were merged into the branch of its commit up to there, and are in no release before it on that
-- branch. Its place is that of its commit, wherever the tag stood before: where a merge request landed; of another commit of the default branch when it was
-- committed, after what had been merged by then.
CREATE OR REPLACE VIEW ${database}.release_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    tag String COMMENT 'Name of the tag',
    released_at Nullable(DateTime('UTC')) COMMENT 'When it was, or will be, released: the day it is counted on',
    previous_tag Nullable(String) COMMENT 'The release before it by place on the same branch; NULL where there is none, or the place is not known',
    merge_requests Nullable(UInt64) COMMENT 'Merge requests it brought, promotions left out; of the first release all up to it. NULL where its place is not known',
    is_upcoming Bool COMMENT 'Whether released_at lies in the future: it is counted then'
)
${security}
AS
WITH
landed AS
(
    SELECT
        instance, project_id, ifNull(target_branch, '') AS branch, toUInt32(toUnixTimestamp(assumeNotNull(merged_at))) AS place,
        if(ifNull(source_project_id = project_id, false), ifNull(source_branch, ''), '') AS source, ifNull(nullIf(head_sha, ''), 'none') AS head,
        arrayFilter(told -> told != '', [ifNull(merge_commit_sha, ''), ifNull(squash_commit_sha, '')]) AS told, if(empty(told), [head], told) AS shas
    FROM ${database}.merge_requests
    WHERE merged_at IS NOT NULL
),
released AS
(
    SELECT
        instance, project_id, releases.tag AS tag, releases.released_at AS at, ifNull(commit_sha, '') AS sha,
        if(landing.place > 0, landing.branch, own.branch) AS branch, if(landing.place > 0, landing.place, own.place) AS place
    FROM ${database}.releases AS releases
    LEFT ANY JOIN (SELECT instance, project_id, arrayJoin(shas) AS commit_sha, branch, place FROM landed) AS landing USING (instance, project_id, commit_sha)
    LEFT ANY JOIN
    (
        SELECT contributions.instance AS instance, contributions.project_id AS project_id, contributions.sha AS commit_sha,
            ifNull(projects.default_branch, '') AS branch, toUInt32(toUnixTimestamp(assumeNotNull(committed_at))) AS place
        FROM ${database}.contributions AS contributions
        LEFT ANY JOIN (SELECT instance, project_id, default_branch FROM ${database}.projects) AS projects
            ON projects.instance = contributions.instance AND projects.project_id = contributions.project_id
        WHERE committed_at IS NOT NULL
    ) AS own USING (instance, project_id, commit_sha)
),
placed AS
(
    SELECT instance, project_id, branch, place, '' AS tag, NULL AS at, NOT is_promotion AS counts
    FROM landed
    LEFT ANY JOIN (SELECT instance, project_id, branch AS source, arrayJoin(shas) AS head, true AS is_promotion FROM landed) AS origins USING (instance, project_id, source, head)
    UNION ALL
    SELECT instance, project_id, branch, place, tag, at, false AS counts FROM released
),
counted AS
(
    SELECT
        instance, project_id, branch, place, tag, at,
        countIf(counts) OVER (PARTITION BY instance, project_id, branch ORDER BY place RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS all_before
    FROM placed
)
SELECT
    instance, project_id, tag, toDateTime(at, 'UTC') AS released_at,
    if(place = 0, NULL, lagInFrame(toNullable(tag)) OVER line) AS previous_tag,
    if(place = 0, NULL, all_before - lagInFrame(all_before, 1, 0) OVER line) AS merge_requests,
    ifNull(at > now64(3, 'UTC'), false) AS is_upcoming
FROM counted
WHERE tag != ''
WINDOW line AS (PARTITION BY instance, project_id, branch ORDER BY place, at, tag ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
