CREATE OR REPLACE VIEW ${database}.deployments ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 where the body does not say',
    id UInt64 COMMENT 'GitLab id, unique in the instance',
    iid Nullable(UInt64) COMMENT 'Number within the project; the API alone says it',
    project_path Nullable(String) COMMENT 'Path of the project when it was told of last; projects.path is today''s; webhooks alone say it',
    status Nullable(String) COMMENT 'created, blocked, running, success, failed, canceled, skipped',
    environment Nullable(String) COMMENT 'Name of the environment',
    environment_id Nullable(UInt64) COMMENT 'GitLab id of the environment; the API alone says it',
    environment_tier Nullable(String) COMMENT 'production, staging, testing, development or other. Where GitLab does not say it of the deployment (old webhooks, the API), that of its environment, by id, else by name; where that is not known either, production if the environment is named production or prod, or below it, as prod/eu; else NULL',
    environment_slug Nullable(String) COMMENT 'Name of the environment as it stands in host names',
    environment_url Nullable(String) COMMENT 'Where the environment is reached',
    ref Nullable(String) COMMENT 'Branch or tag that was deployed',
    tag Nullable(Bool) COMMENT 'Whether ref is a tag; the API alone says it',
    sha Nullable(String) COMMENT 'Commit that was deployed; NULL where the webhook links to none',
    short_sha Nullable(String) COMMENT 'First eight characters of the commit that was deployed',
    commit_title Nullable(String) COMMENT 'Title of the commit that was deployed',
    job_id Nullable(UInt64) COMMENT 'GitLab id of the job that deployed it; NULL where something outside GitLab did',
    pipeline_id Nullable(UInt64) COMMENT 'GitLab id of the pipeline of that job; the API alone says it, jobs.pipeline_id too',
    user_id Nullable(UInt64) COMMENT 'Who deployed it',
    user_username Nullable(String) COMMENT 'User name of who deployed it',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created; the API alone says it',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When GitLab last changed it; the API alone says it',
    finished_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it succeeded, failed or was canceled, in whole seconds: the time of that status in a webhook; from the API the end of its job, which is the same second or a moment before. That of a webhook wins, of several the earliest',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a complete listing no longer had it, or when its project changed last before that was deleted; GitLab tells of no other deletion. NULL while it exists',
    last_event_id UUID COMMENT 'The newest event that told of it, in events (receipt-derived: which of several deliveries depends on them)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)'
)
${security}
AS
WITH
    -- What is in a project is deleted with it.
    (SELECT (arrayPushBack(groupArray(cityHash64(instance, project_id)), 0), arrayPushBack(groupArray(toUnixTimestamp64Milli(assumeNotNull(tupleElement(project_facts.deleted_at, 4)))), 0))
        FROM ${database}.project_facts FINAL WHERE tupleElement(project_facts.deleted_at, 4) IS NOT NULL) AS destroyed
SELECT
    deployment_facts.instance AS instance, deployment_facts.project_id AS project_id, deployment_facts.id AS id,
    tupleElement(deployment_facts.iid, 4) AS iid,
    tupleElement(deployment_facts.project_path, 4) AS project_path,
    tupleElement(deployment_facts.status, 4) AS status,
    tupleElement(deployment_facts.environment, 4) AS environment,
    tupleElement(deployment_facts.environment_id, 4) AS environment_id,
    coalesce(
        tupleElement(deployment_facts.environment_tier, 4), own.tier, named.tier,
        if(match(tupleElement(deployment_facts.environment, 4), '(?i)^(prod|production)(/.*)?$'), 'production', NULL)
    ) AS environment_tier,
    tupleElement(deployment_facts.environment_slug, 4) AS environment_slug,
    tupleElement(deployment_facts.environment_url, 4) AS environment_url,
    tupleElement(deployment_facts.ref, 4) AS ref,
    tupleElement(deployment_facts.tag, 4) AS tag,
    tupleElement(deployment_facts.sha, 4) AS sha,
    tupleElement(deployment_facts.short_sha, 4) AS short_sha,
    tupleElement(deployment_facts.commit_title, 4) AS commit_title,
    tupleElement(deployment_facts.job_id, 4) AS job_id,
    tupleElement(deployment_facts.pipeline_id, 4) AS pipeline_id,
    tupleElement(deployment_facts.user_id, 4) AS user_id,
    tupleElement(deployment_facts.user_username, 4) AS user_username,
    tupleElement(deployment_facts.created_at, 4) AS created_at,
    tupleElement(deployment_facts.updated_at, 4) AS updated_at,
    tupleElement(deployment_facts.finished_at, 4) AS finished_at,
    ifNull(tupleElement(deployment_facts.deleted_at, 4), fromUnixTimestamp64Milli(nullIf(transform(cityHash64(deployment_facts.instance, deployment_facts.project_id), destroyed.1, destroyed.2, toInt64(0)), 0), 'UTC')) AS deleted_at,
    tupleElement(deployment_facts.last_event_id, 4) AS last_event_id,
    arraySort(deployment_facts.tenants) AS tenants,
    arraySort(deployment_facts.origins) AS origins,
    deployment_facts.first_received_at AS first_received_at
FROM (SELECT * FROM ${database}.deployment_facts FINAL) AS deployment_facts
LEFT ALL JOIN (
    SELECT instance, project_id, id, tupleElement(environment_facts.tier, 4) AS tier FROM ${database}.environment_facts FINAL
) AS own
    ON own.instance = deployment_facts.instance AND own.project_id = deployment_facts.project_id
    AND own.id = tupleElement(deployment_facts.environment_id, 4)
-- An environment that was deleted and recreated has another id: the newest of a name.
LEFT ALL JOIN (
    SELECT instance, project_id, tupleElement(environment_facts.name, 4) AS name, argMax(tupleElement(environment_facts.tier, 4), id) AS tier
    FROM ${database}.environment_facts FINAL
    GROUP BY instance, project_id, name
) AS named
    ON named.instance = deployment_facts.instance AND named.project_id = deployment_facts.project_id
    AND named.name = tupleElement(deployment_facts.environment, 4);
