CREATE OR REPLACE VIEW ${database}.environments ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    id UInt64 COMMENT 'GitLab id, unique in the instance',
    name Nullable(String) COMMENT 'Name, as production or review/retry',
    slug Nullable(String) COMMENT 'Name in host names',
    external_url Nullable(String) COMMENT 'URL of the environment',
    tier Nullable(String) COMMENT 'production, staging, testing, development or other',
    state Nullable(String) COMMENT 'available, stopping or stopped',
    auto_stop_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When GitLab will stop it; NULL if it will not',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created; NULL from older GitLab versions',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When GitLab last changed it; NULL from older GitLab versions',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a complete listing no longer had it, or the last change of its project before the project was deleted; GitLab reports no other deletion. NULL while it exists',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS
WITH
    -- Things in a project are deleted with it.
    (SELECT (arrayPushBack(groupArray(cityHash64(instance, project_id)), 0), arrayPushBack(groupArray(toUnixTimestamp64Milli(assumeNotNull(tupleElement(project_facts.deleted_at, 4)))), 0))
        FROM ${database}.project_facts FINAL WHERE tupleElement(project_facts.deleted_at, 4) IS NOT NULL) AS destroyed
SELECT
    instance, project_id, id,
    tupleElement(environment_facts.name, 4) AS name,
    tupleElement(environment_facts.slug, 4) AS slug,
    tupleElement(environment_facts.external_url, 4) AS external_url,
    tupleElement(environment_facts.tier, 4) AS tier,
    tupleElement(environment_facts.state, 4) AS state,
    tupleElement(environment_facts.auto_stop_at, 4) AS auto_stop_at,
    tupleElement(environment_facts.created_at, 4) AS created_at,
    tupleElement(environment_facts.updated_at, 4) AS updated_at,
    ifNull(tupleElement(environment_facts.deleted_at, 4), fromUnixTimestamp64Milli(nullIf(transform(cityHash64(environment_facts.instance, environment_facts.project_id), destroyed.1, destroyed.2, toInt64(0)), 0), 'UTC')) AS deleted_at,
    tupleElement(environment_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.environment_facts FINAL;
