-- Which calls of GitLab's API were made, by whom, and what came of each. One row a call: run and number identify it, so that reading its
-- record again changes nothing. Runs are UUIDs of version 7 as text, whose order is that of time. Bookkeeping and no fact: no other table is made of it,
-- and it is kept for GITPULSE_AUDIT_RETENTION_DAYS, which `gitpulse migrate` puts in the place of the 400 days here.
CREATE TABLE IF NOT EXISTS ${database}.audit_log_facts ${on_cluster}
(
    instance LowCardinality(String),
    run_id String,
    number UInt64,
    role LowCardinality(String),
    tenant LowCardinality(String),
    called_at DateTime64(3, 'UTC'),
    method LowCardinality(String),
    path String,
    status Nullable(UInt16),
    outcome LowCardinality(String),
    duration_ms UInt64,
    bytes UInt64,
    token LowCardinality(String),
    budget_left UInt32,
    INDEX called_at_range called_at TYPE minmax
)
ENGINE = ${replicated}ReplacingMergeTree
ORDER BY (instance, run_id, number)
TTL toDateTime(called_at) + INTERVAL 400 DAY;
