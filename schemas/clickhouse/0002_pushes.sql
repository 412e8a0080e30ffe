-- One row a delivery of a push; the view makes one push of deliveries of one transition that are less than ten minutes
-- apart. A body carries no time of the push: receipt stands in, the earliest.
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
    tenant SimpleAggregateFunction(max, String),
    origin SimpleAggregateFunction(max, String),
    received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, ref, before, after, event_id);

CREATE VIEW IF NOT EXISTS ${database}.pushes ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    project_path String COMMENT 'Path of the project when it was pushed to',
    ref String COMMENT 'Full name of the ref, as refs/heads/main',
    branch String COMMENT 'Name of the branch',
    before String COMMENT 'SHA before the push; all zeros where the branch is new',
    after String COMMENT 'SHA after the push; all zeros where the branch was deleted',
    change LowCardinality(String) COMMENT 'created, updated or deleted',
    user_id Nullable(UInt64) COMMENT 'Who pushed',
    user_username Nullable(String) COMMENT 'User name of who pushed',
    user_name Nullable(String) COMMENT 'Name of who pushed',
    ref_protected Nullable(Bool) COMMENT 'Whether the branch was protected; NULL before GitLab 17',
    commits_count Nullable(UInt64) COMMENT 'Commits in the push, as GitLab counts them',
    commits_listed UInt64 COMMENT 'Commits that the delivery listed: at most the newest 20',
    received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived: GitLab sends no time of the push)',
    tenant String COMMENT 'The configured source of the first delivery',
    origin String COMMENT 'webhook, api or hook_log, of the first delivery',
    event_id UUID COMMENT 'The first event that told of it, in events'
)
AS SELECT
    instance, project_id, project_path, ref,
    replaceRegexpOne(ref, '^refs/(heads|tags)/', '') AS branch,
    before, after,
    multiIf(match(before, '^0+$'), 'created', match(after, '^0+$'), 'deleted', 'updated') AS change,
    user_id, user_username, user_name, ref_protected, commits_count, commits_listed, received_at, tenant, origin, event_id
FROM
(
    SELECT
        *,
        lagInFrame(toNullable(received_at)) OVER (
            PARTITION BY instance, project_id, ref, before, after
            ORDER BY received_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS previous
    FROM ${database}.push_facts FINAL
)
WHERE previous IS NULL OR received_at >= previous + INTERVAL 10 MINUTE;
