-- One row a job that ran to its end, or was cancelled: what statistics of jobs read in place of job_facts, which has fifty columns of all jobs. Written
-- only from bodies that know when the job finished. "Job 7 finished on that day" is content, so that the day may be in the key: a question about
-- a month reads the parts of that month. A run never changes, so that its columns need no version: what one observation lacks, another fills.
-- Trigger jobs are none: they run on no runner, and finish again when their pipeline does.
-- Partitions are bounded: what is older than 2010 shares one, and no body is believed that is a day ahead.
CREATE TABLE IF NOT EXISTS ${database}.job_run_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    day Date32 COMMENT 'When it finished, by UTC',
    id UInt64,
    pipeline_id SimpleAggregateFunction(max, Nullable(UInt64)),
    name SimpleAggregateFunction(max, String) COMMENT 'Empty where nobody says it, as in the next ones',
    stage SimpleAggregateFunction(max, String),
    status SimpleAggregateFunction(max, String),
    ref SimpleAggregateFunction(max, String),
    sha SimpleAggregateFunction(max, String),
    allow_failure SimpleAggregateFunction(max, Nullable(Bool)),
    failure_reason SimpleAggregateFunction(max, String),
    runner_tags SimpleAggregateFunction(max, Array(String)),
    created_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    started_at SimpleAggregateFunction(max, Nullable(DateTime64(3, 'UTC'))),
    finished_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    duration_seconds SimpleAggregateFunction(max, Nullable(Float64)),
    queued_seconds SimpleAggregateFunction(max, Nullable(Float64)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toYYYYMM(if(day < toDate32('2010-01-01'), toDate32('1970-01-01'), day))
ORDER BY (instance, project_id, day, id);
