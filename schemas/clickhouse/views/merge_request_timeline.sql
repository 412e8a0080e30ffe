-- The observations that merge_request_events unites, unchanged, for queries for the first of something or for the number of different things:
-- repetitions do not affect min and uniq. It uses neither window functions nor FINAL, so it costs a fraction of that view.
CREATE OR REPLACE VIEW ${database}.merge_request_timeline ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project of the merge request',
    merge_request_iid UInt64 COMMENT 'Number of the merge request within the project',
    action LowCardinality(String) COMMENT 'As in merge_request_events; if a merge request has several opened, the first is the opening and a later one a reopening',
    actor_id Nullable(UInt64) COMMENT 'Who did it; NULL if GitLab does not say',
    actor_username Nullable(String) COMMENT 'User name of who did it',
    actor String COMMENT 'Who did it as one text: the user id, else @ and the user name, else empty',
    at DateTime('UTC') COMMENT 'When it happened, in whole seconds; webhooks and the API may differ by a few',
    oldrev Nullable(String) COMMENT 'For an update that brought new commits: the head before them',
    note_id Nullable(UInt64) COMMENT 'For a comment: GitLab id of the note',
    is_reset Bool COMMENT 'Whether GitLab did it itself, such as unapproving after new commits',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted'
)
${security}
AS SELECT
    instance, project_id, merge_request_iid, action,
    tupleElement(facts.actor_id, 4) AS actor_id,
    tupleElement(facts.actor_username, 4) AS actor_username,
    if(facts.actor != '', facts.actor, ifNull(toString(tupleElement(facts.actor_id, 4)), '')) AS actor,
    toDateTime(ifNull(tupleElement(facts.occurred_at, 4), toDateTime64(second, 3, 'UTC')), 'UTC') AS at,
    if(action = 'commented', NULL, nullIf(facts.oldrev, '')) AS oldrev,
    if(action = 'commented', toUInt64OrNull(facts.oldrev), NULL) AS note_id,
    facts.system_action IS NOT NULL AS is_reset,
    arraySort(facts.tenants) AS tenants
FROM ${database}.merge_request_event_facts AS facts
WHERE tupleElement(facts.occurred_at, 4) IS NOT NULL OR second > 0;
