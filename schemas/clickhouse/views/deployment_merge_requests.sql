-- One row per merge request in a deployment, from the list as it was last read.
CREATE OR REPLACE VIEW ${database}.deployment_merge_requests ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project of the deployment',
    deployment_id UInt64 COMMENT 'GitLab id of the deployment',
    merge_request_project_id UInt64 COMMENT 'GitLab id of the target project',
    merge_request_iid UInt64 COMMENT 'Number of the merge request within that project',
    merge_request_id Nullable(UInt64) COMMENT 'GitLab id of the merge request',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received the list (receipt-derived)'
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
