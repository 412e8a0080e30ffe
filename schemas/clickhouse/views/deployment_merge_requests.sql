-- A merge request that a deployment brought is a row: the list as it was read last.
CREATE OR REPLACE VIEW ${database}.deployment_merge_requests ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project of the deployment',
    deployment_id UInt64 COMMENT 'GitLab id of the deployment',
    merge_request_project_id UInt64 COMMENT 'GitLab id of the project that it was merged into',
    merge_request_iid UInt64 COMMENT 'Number of the merge request within that project',
    merge_request_id Nullable(UInt64) COMMENT 'GitLab id of the merge request',
    last_event_id UUID COMMENT 'The newest event that told of it, in events (receipt-derived: which of several deliveries depends on them)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of the list first (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, deployment_id,
    tupleElement(brought, 1) AS merge_request_project_id,
    tupleElement(brought, 2) AS merge_request_iid,
    tupleElement(brought, 3) AS merge_request_id,
    tupleElement(facts.last_event_id, 4) AS last_event_id,
    arraySort(facts.tenants) AS tenants,
    arraySort(facts.origins) AS origins,
    facts.first_received_at AS first_received_at
FROM (SELECT * FROM ${database}.deployment_merge_request_facts FINAL) AS facts
ARRAY JOIN tupleElement(facts.listed, 4) AS brought;
