-- One row a name of a pipeline of which a job was retried: the newest job of that name. A pipeline's event lists the newest job of each name alone, so
-- that nothing tells how the one before ended: one that is older than this, and was last seen pending or running, is no longer so.
CREATE TABLE IF NOT EXISTS ${database}.job_retry_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    pipeline_id UInt64,
    name String COMMENT 'Name of the job',
    newest_id SimpleAggregateFunction(max, UInt64) COMMENT 'GitLab id of the newest job of that name'
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, pipeline_id, name);
