CREATE OR REPLACE VIEW ${database}.pipeline_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 where an old GitLab does not say',
    pipeline_id UInt64 COMMENT 'GitLab id of the pipeline',
    status LowCardinality(String) COMMENT 'The status it reached; from the API only the one it finished with',
    as_of DateTime64(3, 'UTC') COMMENT 'Whole second: when it finished for success, failed and canceled, when it was created for created; else the newest status time in the event that said so, the times of its jobs included, because GitLab does not say when the status itself changed',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted'
)
${security}
AS SELECT instance, project_id, pipeline_id, status, as_of, first_received_at, arraySort(tenants) AS tenants, arraySort(origins) AS origins
FROM ${database}.pipeline_event_facts FINAL;
