-- One row a delivery of a push to a branch or a tag, or a push of the API's list of events; the view makes one push of observations
-- of one transition that are less than ten minutes apart. A webhook carries no time of the push: receipt stands in, the earliest.
CREATE TABLE IF NOT EXISTS ${database}.push_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    ref String,
    before String,
    after String,
    event_id UUID,
    project_path SimpleAggregateFunction(max, String),
    user_id SimpleAggregateFunction(max, Nullable(UInt64)),
    user_username SimpleAggregateFunction(max, Nullable(String)),
    user_name SimpleAggregateFunction(max, Nullable(String)),
    ref_protected SimpleAggregateFunction(max, Nullable(Bool)),
    commits_count SimpleAggregateFunction(max, Nullable(UInt64)),
    commits_listed SimpleAggregateFunction(max, UInt64),
    message SimpleAggregateFunction(max, Nullable(String)),
    commit_sha SimpleAggregateFunction(max, Nullable(String)),
    tenant SimpleAggregateFunction(max, String),
    origin SimpleAggregateFunction(max, String),
    pushed_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'From the API the time of the push, else receipt',
    received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    INDEX pushed_at_range pushed_at TYPE minmax
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, ref, before, after, event_id);
