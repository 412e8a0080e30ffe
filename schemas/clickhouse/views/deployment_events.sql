CREATE OR REPLACE VIEW ${database}.deployment_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if the body does not say',
    deployment_id UInt64 COMMENT 'GitLab id of the deployment',
    status LowCardinality(String) COMMENT 'The status that it reached (created, blocked, running, success, failed, canceled, skipped), or approved, rejected',
    occurred_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When, in whole seconds. The API does not say when a status was reached: until a webhook does, this is the end of the job for success, failed and canceled, and the last change for the others',
    actor_id Nullable(UInt64) COMMENT 'Who approved or rejected it; NULL for a status',
    actor_username Nullable(String) COMMENT 'User name of who approved or rejected it',
    comment Nullable(String) COMMENT 'The comment of the approval or rejection',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, deployment_id, status,
    tupleElement(deployment_event_facts.occurred_at, 4) AS occurred_at,
    tupleElement(deployment_event_facts.actor_id, 4) AS actor_id,
    tupleElement(deployment_event_facts.actor_username, 4) AS actor_username,
    tupleElement(deployment_event_facts.comment, 4) AS comment,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.deployment_event_facts FINAL;
