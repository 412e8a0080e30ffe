-- Which deployment delivered a merge request, for each tier of its project, and, if several environments are production, for each of these (at most
-- 20). `lead_times` and `environment_lead_times` are its parts. A merge request belongs to the first success in the tier that is at or beyond it on
-- its branch. Nothing is attributed to the first success on record. Nor is anything merged before that one attributed to the first success on a
-- branch: it may have been delivered before.
CREATE OR REPLACE VIEW ${database}.deliveries ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the target project',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    tier LowCardinality(String) COMMENT 'production, and each other tier with deployments',
    environment String COMMENT 'Name of the environment; empty for the first one of the tier',
    branch String COMMENT 'Target branch',
    merged_at DateTime('UTC') COMMENT 'When it was merged, in whole seconds',
    deployment_id Nullable(UInt64) COMMENT 'The deployment that delivered it; NULL if it is not attributed',
    deployed_at Nullable(DateTime('UTC')) COMMENT 'When that deployment succeeded',
    lead_time_seconds Nullable(Int64) COMMENT 'From merged_at to deployed_at; 0 if it was deployed before it was merged',
    reverts Array(UInt64) COMMENT 'Merge requests of the project that it reverts',
    evidence LowCardinality(String) COMMENT 'Evidence: landing (its own commit was deployed), place (a later commit of its branch was deployed), cherry_pick (its commit was cherry-picked into what was deployed), link (GitLab lists it); empty if it is not attributed',
    reason LowCardinality(String) COMMENT 'Why it is not attributed: promotion, baseline, rewritten, landing_unknown, tie, deployment_sha_unknown, chain_gap, tier_unknown, branch_not_deployed, awaiting; empty if it is'
)
${security}
AS
WITH
succeeded AS
(
    SELECT
        instance, project_id, deployments.id AS id, ifNull(deployments.environment, '') AS its_environment, ifNull(environment_tier, '') AS its_tier,
        if(ifNull(deployments.sha, '') = '', ifNull(short_sha, ''), assumeNotNull(deployments.sha)) AS its_sha, ifNull(deployments.ref, '') AS its_ref,
        toInt64(toUnixTimestamp(assumeNotNull(coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at)))) AS at,
        min((at, id)) OVER by_name = (at, id) AS is_first,
        -- The tiers of the environment with this name at that time and later; computed backwards, since a frame that begins at each row would be
        -- summed up again for each.
        groupUniqArray(its_tier) OVER (by_name ORDER BY at DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS tiers
    FROM ${database}.deployments AS deployments
    WHERE deployments.status = 'success' AND coalesce(deployments.finished_at, deployments.updated_at, deployments.created_at) IS NOT NULL
    WINDOW by_name AS (PARTITION BY instance, project_id, its_environment)
),
-- What a deployment contains: each branch with its commit (a commit on no known branch is at place 0 of the named branch), and the merge requests
-- that GitLab links to it, except for an environment's first success, to which GitLab links everything merged before.
deployed AS
(
    SELECT
        succeeded.instance AS instance, succeeded.project_id AS project_id, id, its_environment, its_tier, tiers, at,
        arrayConcat(
            arrayMap(stand -> (2, stand.3, if(stand.1 = '', its_ref, stand.1), stand.2, stand.4), if(empty(stands), [('', 0, 0, 'chain_gap')], stands)),
            if(is_first, [], arrayMap(linked_iid -> (3, linked_iid, '', 0, if(notEmpty(stands) AND stands[1].2 > 0, 'placed', '')), links.iids))) AS ones
    FROM succeeded
    LEFT ANY JOIN (
        SELECT instance, project_id, places.sha AS of_sha, groupArray((places.branch, places.place, places.iid, toString(places.word))) AS stands
        FROM ${database}.sha_places AS places
        GROUP BY instance, project_id, of_sha
    ) AS own_places
        ON own_places.instance = succeeded.instance AND own_places.project_id = succeeded.project_id AND own_places.of_sha = succeeded.its_sha
    LEFT ANY JOIN (
        SELECT instance, project_id, deployment_id AS of_deployment, groupArray(merge_request_iid) AS iids
        FROM ${database}.deployment_merge_requests
        WHERE merge_request_project_id = project_id
        GROUP BY instance, project_id, of_deployment
    ) AS links
        ON links.instance = succeeded.instance AND links.project_id = succeeded.project_id AND links.of_deployment = succeeded.id
),
-- Kinds: 0 a merge request, 1 one whose commit it picked, 2 a deployment at its place, 3 a link of a deployment.
standing AS
(
    SELECT
        instance, project_id, one.1 AS kind, one.2 AS iid, branch, place, intDiv(place, 1000) AS second, toUInt64(0) AS by_id, '' AS by_environment, '' AS by_tier,
        CAST([], 'Array(String)') AS tiers, multiIf(is_promotion, 'promotion', requests.sha = '', 'landing_unknown', is_tie, 'tie', '') AS word,
        ifNull(toInt64(toUnixTimestamp(rewritten_at)), 0) AS rewritten, requests.reverts AS reverts
    FROM ${database}.merge_request_places AS requests
    ARRAY JOIN arrayConcat([(0, requests.iid)], arrayMap(picked -> (1, picked), picks)) AS one
    UNION ALL
    SELECT
        instance, project_id, one.1 AS kind, one.2 AS iid, one.3 AS branch, one.4 AS place, at AS second, id AS by_id, its_environment AS by_environment, its_tier AS by_tier,
        tiers, one.5 AS word, 0 AS rewritten, CAST([], 'Array(UInt64)') AS reverts
    FROM deployed
    ARRAY JOIN ones AS one
),
known AS
(
    SELECT
        *,
        groupUniqArrayIf(by_tier, kind = 2 AND by_tier != '') OVER of_project AS on_record,
        groupUniqArrayIf(20)(by_environment, kind = 2 AND by_tier = 'production') OVER of_project AS productions,
        maxIf(second, kind = 2 AND by_tier = '') OVER of_project AS last_of_no_tier
    FROM standing
    WINDOW of_project AS (PARTITION BY instance, project_id)
),
-- Each merge request once per tier on record. Deployments to an environment that later had another tier also count for that tier, as what was there
-- before. Windows are by scope: a tier, and one of its environments or none.
placed AS
(
    SELECT instance, project_id, kind, iid, branch, place, second, by_id, by_tier, word, rewritten, reverts, last_of_no_tier, scope
    FROM known
    -- Not the function arrayJoin: it would block a condition on the project.
    ARRAY JOIN arrayConcat(
        arrayMap(name -> (name, ''), if(kind < 2, arrayDistinct(arrayPushBack(on_record, 'production')), tiers)),
        arrayMap(name -> ('production', name), if(length(productions) < 2, [], if(kind < 2, productions, if(has(tiers, 'production'), arrayIntersect(productions, [by_environment]), []))))) AS scope
),
windowed AS
(
    SELECT
        instance, project_id, kind, iid, branch, place, second, by_id, by_tier, word, rewritten, reverts, scope, last_of_no_tier,
        minIf((second, by_id, scope.1 != by_tier, place, iid), kind = 2) OVER (
            PARTITION BY instance, project_id, scope, branch ORDER BY place DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS by_place,
        minIf(second, kind = 2 AND place > 0) OVER of_branch AS branch_first,
        maxIf((second, word), kind = 2 AND place = 0) OVER of_branch AS last_without_place,
        minIf(second, kind = 2) OVER (PARTITION BY instance, project_id, scope) AS first
    FROM placed
    WINDOW of_branch AS (PARTITION BY instance, project_id, scope, branch)
),
gathered AS
(
    SELECT
        instance, project_id, kind, iid, scope, branch, second AS merged_second, word, reverts, first, branch_first, last_without_place, last_of_no_tier, by_place,
        -- Merge requests whose commit was picked to another branch are delivered with the pick.
        minIf(by_place, kind = 1 AND by_place.2 > 0) OVER of_request AS by_pick,
        minIf((second, by_id, scope.1 != by_tier, word = 'placed'), kind = 3) OVER of_request AS by_link,
        -- Two merges of one second in unknown order: only a deployment of its own commit, or one beyond both, certainly delivers one of them.
        word = 'tie' AND by_place.4 = place AND by_place.5 != iid AS is_tied,
        rewritten > 0 AND (by_place.2 = 0 OR by_place.1 > rewritten) AS is_gone
    FROM windowed
    WHERE kind != 2
    WINDOW of_request AS (PARTITION BY instance, project_id, scope, iid)
),
chosen AS
(
    SELECT
        instance, project_id, iid, scope, branch, merged_second, word, reverts, first, branch_first, last_without_place, last_of_no_tier, is_tied, is_gone,
        -- The evidence, when it was delivered, by which deployment, and whether its environment had another tier then.
        multiIf(
            is_gone, ('', toInt64(0), toUInt64(0), false),
            word != 'landing_unknown' AND by_pick.2 > 0 AND (by_place.2 = 0 OR (by_pick.1, by_pick.2) < (by_place.1, by_place.2)), ('cherry_pick', by_pick.1, by_pick.2, by_pick.3),
            word != 'landing_unknown' AND by_place.2 > 0 AND NOT is_tied, (if(by_place.5 = iid, 'landing', 'place'), by_place.1, by_place.2, by_place.3),
            -- If a deployed commit is known and is on none of its branches, as for a stacked merge request, the branch decides.
            branch_first = 0 AND word = '' AND by_link.4, ('', toInt64(0), toUInt64(0), false),
            ('link', by_link.1, by_link.2, by_link.3)) AS delivery
    FROM gathered
    WHERE kind = 0
),
reasoned AS
(
    SELECT
        instance, project_id, iid, scope, branch, merged_second, reverts, delivery,
        multiIf(
            word = 'promotion', 'promotion',
            delivery.3 > 0, if(delivery.4 OR delivery.2 = first OR (delivery.2 = branch_first AND merged_second <= first), 'baseline', ''),
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
    if(why = '', toNullable(greatest(delivery.2 - merged_second, 0)), NULL) AS lead_time_seconds,
    reverts, if(why = '', delivery.1, '') AS evidence, why AS reason
FROM reasoned
-- This optimization would cost a third of planning and finds nothing here.
SETTINGS optimize_and_compare_chain = 0;
