-- Which deployment delivered a merge request, in each tier on record in its project, and, where several environments are of tier production, in each of
-- these (at most 20); `lead_times` and `environment_lead_times` are its parts. A merge request belongs to the first success in the tier that stands at or
-- beyond it on its branch. The first success on record attributes nothing, nor does the first on a branch to what was merged before the first of all:
-- nobody knows whether it was delivered before.
CREATE OR REPLACE VIEW ${database}.deliveries ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project that it was merged into',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    tier LowCardinality(String) COMMENT 'production, and each other tier of environments that something was deployed to',
    environment String COMMENT 'Name of the environment; empty for whichever of the tier was first',
    branch String COMMENT 'Branch that it was merged into',
    merged_at DateTime('UTC') COMMENT 'When it was merged, in whole seconds',
    deployment_id Nullable(UInt64) COMMENT 'The deployment that delivered it; NULL where it is not attributed',
    deployed_at Nullable(DateTime('UTC')) COMMENT 'When that succeeded',
    lead_time_seconds Nullable(Int64) COMMENT 'From merged_at to deployed_at',
    evidence LowCardinality(String) COMMENT 'How it is known: landing (its own commit was deployed), place (one beyond it on the branch was), cherry_pick (its commit was picked into what was deployed), link (GitLab lists it); empty where it is not attributed',
    reason LowCardinality(String) COMMENT 'Why it is not attributed: promotion, baseline, rewritten, landing_unknown, tie, deployment_sha_unknown, chain_gap, tier_unknown, branch_not_deployed, awaiting; empty where it is'
)
${security}
AS
WITH
succeeded AS
(
    SELECT
        instance, project_id, deployments.id AS id, ifNull(deployments.environment, '') AS its_environment, ifNull(environment_tier, '') AS its_tier,
        if(ifNull(deployments.sha, '') = '', ifNull(short_sha, ''), assumeNotNull(deployments.sha)) AS its_sha, ifNull(deployments.ref, '') AS its_ref,
        toInt64(toUnixTimestamp(assumeNotNull(coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at)))) AS at
    FROM ${database}.deployments AS deployments
    WHERE deployments.status = 'success' AND coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at) IS NOT NULL
),
-- Merge requests, and deployments on each branch on which they stand; one that stands nowhere is at place 0 of the branch that it names.
standing AS
(
    SELECT
        instance, project_id, iid, branch, place, intDiv(place, 1000) AS second, toUInt64(0) AS by_id, '' AS by_environment, '' AS by_tier,
        multiIf(is_promotion, 'promotion', requests.sha = '', 'landing_unknown', is_tie, 'tie', '') AS word,
        ifNull(toInt64(toUnixTimestamp(rewritten_at)), 0) AS rewritten, picks
    FROM ${database}.merge_request_places AS requests
    UNION ALL
    SELECT
        succeeded.instance AS instance, succeeded.project_id AS project_id, places.iid AS iid, if(places.branch = '', its_ref, places.branch) AS branch, places.place AS place,
        at AS second, id AS by_id, its_environment AS by_environment, its_tier AS by_tier, toString(places.word) AS word, 0 AS rewritten, [] AS picks
    FROM succeeded
    LEFT ALL JOIN ${database}.sha_places AS places
        ON places.instance = succeeded.instance AND places.project_id = succeeded.project_id AND places.sha = succeeded.its_sha
),
-- Each merge request once a tier on record.
placed AS
(
    SELECT
        instance, project_id, iid, branch, place, second, by_id, word, rewritten, picks,
        arrayDistinct(arrayPushBack(groupUniqArrayIf(by_tier, by_id > 0 AND by_tier != '') OVER of_project, 'production')) AS on_record,
        groupUniqArrayIf(20)(by_environment, by_id > 0 AND by_tier = 'production') OVER of_project AS productions,
        maxIf(second, by_id > 0 AND by_tier = '') OVER of_project AS last_of_no_tier,
        -- Windows are by this pair: a tier, and an environment of it or none.
        arrayJoin(if(by_id = 0,
            arrayConcat(arrayMap(name -> (name, ''), on_record), if(length(productions) > 1, arrayMap(name -> ('production', name), productions), [])),
            arrayConcat([(by_tier, '')], if(by_tier = 'production' AND length(productions) > 1 AND has(productions, by_environment), [('production', by_environment)], [])))) AS scope
    FROM standing
    WINDOW of_project AS (PARTITION BY instance, project_id)
),
windowed AS
(
    SELECT
        instance, project_id, iid, branch, place, second, by_id, word, rewritten, picks, scope, last_of_no_tier,
        minIf((second, by_id, place), by_id > 0) OVER (
            PARTITION BY instance, project_id, scope, branch ORDER BY place DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS by_place,
        minIf(second, by_id > 0) OVER (PARTITION BY instance, project_id, scope, branch, iid) AS own_second,
        minIf(second, by_id > 0 AND place > 0) OVER of_branch AS branch_first,
        maxIf((second, word), by_id > 0 AND place = 0) OVER of_branch AS last_without_place,
        minIf(second, by_id > 0) OVER (PARTITION BY instance, project_id, scope) AS first
    FROM placed
    WINDOW of_branch AS (PARTITION BY instance, project_id, scope, branch)
),
-- Merge requests whose commit was picked to another branch are delivered with the pick.
picked AS
(
    SELECT instance AS at_instance, project_id AS at_project, arrayJoin(picks) AS picked_iid, scope AS at_scope, min((by_place.1, by_place.2)) AS by_pick
    FROM windowed
    WHERE by_id = 0 AND by_place.2 > 0 AND notEmpty(picks)
    GROUP BY at_instance, at_project, picked_iid, at_scope
),
-- What GitLab lists, but for an environment's first success, to which it links whatever was merged before.
links AS
(
    SELECT instance, merge_request_project_id AS of_project, merge_request_iid AS of_iid, project_id AS by_project, deployment_id AS by_deployment
    FROM ${database}.deployment_merge_requests
),
linked AS
(
    SELECT
        links.instance AS at_instance, links.of_project AS at_project, links.of_iid AS linked_iid,
        arrayJoin([(candidates.its_tier, ''), (candidates.its_tier, candidates.its_environment)]) AS at_scope, min((candidates.at, candidates.id)) AS by_link
    FROM links
    INNER ANY JOIN
    (
        SELECT *, min((at, id)) OVER (PARTITION BY instance, project_id, its_environment) AS its_first FROM succeeded
        WHERE (instance, project_id) IN (SELECT instance, by_project FROM links)
    ) AS candidates
        ON candidates.instance = links.instance AND candidates.project_id = links.by_project AND candidates.id = links.by_deployment
    WHERE candidates.id != candidates.its_first.2
    GROUP BY at_instance, at_project, linked_iid, at_scope
),
chosen AS
(
    SELECT
        windowed.instance AS instance, windowed.project_id AS project_id, windowed.iid AS iid, windowed.scope AS scope, windowed.branch AS branch, windowed.second AS merged_second,
        windowed.word AS word, first, branch_first, last_without_place, last_of_no_tier,
        -- Of two merges of one second whose order nobody told, one is delivered for sure only by a deployment of its own commit, or beyond both.
        word = 'tie' AND by_place.3 = place AND own_second != by_place.1 AS is_tied,
        rewritten > 0 AND (by_place.2 = 0 OR by_place.1 > rewritten) AS is_gone,
        multiIf(
            word = 'landing_unknown' OR is_gone, ('', toInt64(0), toUInt64(0)),
            picked.by_pick.2 > 0 AND (by_place.2 = 0 OR picked.by_pick < (by_place.1, by_place.2)), ('cherry_pick', picked.by_pick.1, picked.by_pick.2),
            by_place.2 > 0 AND NOT is_tied, (if(own_second = by_place.1, 'landing', 'place'), by_place.1, by_place.2),
            ('', toInt64(0), toUInt64(0))) AS by_commit,
        linked.by_link AS by_link
    FROM windowed
    LEFT ANY JOIN picked
        ON picked.at_instance = windowed.instance AND picked.at_project = windowed.project_id AND picked.picked_iid = windowed.iid AND picked.at_scope = windowed.scope
    LEFT ANY JOIN linked
        ON linked.at_instance = windowed.instance AND linked.at_project = windowed.project_id AND linked.linked_iid = windowed.iid AND linked.at_scope = windowed.scope
    WHERE windowed.by_id = 0
),
reasoned AS
(
    SELECT
        instance, project_id, iid, scope, branch, merged_second,
        if(by_commit.3 = 0 AND by_link.2 > 0 AND NOT is_gone, ('link', by_link.1, by_link.2), by_commit) AS delivery,
        multiIf(
            word = 'promotion', 'promotion',
            delivery.3 > 0 AND (delivery.2 = first OR (delivery.2 = branch_first AND merged_second <= first)), 'baseline',
            delivery.3 > 0, '',
            is_gone, 'rewritten',
            word = 'landing_unknown', 'landing_unknown',
            is_tied, 'tie',
            last_without_place.1 >= merged_second, last_without_place.2,
            branch_first = 0, if(first = 0 AND last_of_no_tier >= merged_second, 'tier_unknown', 'branch_not_deployed'),
            'awaiting') AS why
    FROM chosen
)
SELECT
    instance, project_id, iid, scope.1 AS tier, scope.2 AS environment, branch, toDateTime(merged_second, 'UTC') AS merged_at,
    if(why = '', toNullable(delivery.3), NULL) AS deployment_id,
    if(why = '', toNullable(toDateTime(delivery.2, 'UTC')), NULL) AS deployed_at,
    if(why = '', toNullable(delivery.2 - merged_second), NULL) AS lead_time_seconds,
    if(why = '', delivery.1, '') AS evidence, why AS reason
FROM reasoned;
