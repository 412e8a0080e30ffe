-- Releases, with the number of merge requests in each: those merged into the branch of its commit up to there and not in an earlier release on that
-- branch. Its place is that of its commit, even if the tag was moved: the landing of a merge request or a commit that leads to one. For another
-- commit of the default branch it is its commit time, after everything merged by then.
CREATE OR REPLACE VIEW ${database}.release_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    tag String COMMENT 'Name of the tag',
    released_at Nullable(DateTime('UTC')) COMMENT 'When it was or will be released; it counts on this day',
    previous_tag Nullable(String) COMMENT 'The release before it by place on the same branch; NULL if there is none or the place is unknown',
    merge_requests Nullable(UInt64) COMMENT 'Number of merge requests in it, without promotions and those removed by a force push; for the first release all up to it. NULL if its place is unknown',
    is_upcoming Bool COMMENT 'Whether released_at is in the future: it will count then'
)
${security}
AS
WITH
released AS
(
    SELECT
        instance, project_id, releases.tag AS tag, releases.released_at AS at, ifNull(commit_sha, '') AS sha,
        multiIf(landing.place > 0, landing.branch, deployed.place > 0, deployed.branch, own.branch) AS branch,
        multiIf(landing.place > 0, landing.place, deployed.place > 0, deployed.place, own.place) AS place
    FROM ${database}.releases AS releases
    LEFT ANY JOIN (SELECT instance, project_id, merge_request_places.sha AS commit_sha, branch, place FROM ${database}.merge_request_places AS merge_request_places) AS landing
        USING (instance, project_id, commit_sha)
    LEFT ANY JOIN
    (
        SELECT instance, project_id, sha_places.sha AS commit_sha, branch, place FROM ${database}.sha_places AS sha_places WHERE word = 'walk'
    ) AS deployed USING (instance, project_id, commit_sha)
    LEFT ANY JOIN
    (
        SELECT
            contributions.instance AS instance, contributions.project_id AS project_id, contributions.sha AS commit_sha,
            ifNull(projects.default_branch, '') AS branch, toInt64(toUnixTimestamp(assumeNotNull(committed_at))) * 1000 + 999 AS place
        FROM ${database}.contributions AS contributions
        LEFT ANY JOIN (SELECT instance, project_id, default_branch FROM ${database}.projects) AS projects
            ON projects.instance = contributions.instance AND projects.project_id = contributions.project_id
        WHERE committed_at IS NOT NULL
    ) AS own USING (instance, project_id, commit_sha)
),
placed AS
(
    SELECT instance, project_id, branch, place, '' AS tag, NULL AS at, NOT is_promotion AND rewritten_at IS NULL AS counts FROM ${database}.merge_request_places
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
    toBool(ifNull(at > now64(3, 'UTC'), false)) AS is_upcoming
FROM counted
WHERE tag != ''
WINDOW line AS (PARTITION BY instance, project_id, branch ORDER BY place, at, tag ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
