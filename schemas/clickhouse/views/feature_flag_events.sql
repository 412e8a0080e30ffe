CREATE OR REPLACE VIEW ${database}.feature_flag_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    project_path Nullable(String) COMMENT 'Path of the project when the flag was switched',
    flag_id Nullable(UInt64) COMMENT 'GitLab id of the flag',
    name Nullable(String) COMMENT 'Name of the flag',
    description Nullable(String) COMMENT 'What the flag is for',
    active Bool COMMENT 'Whether it was switched on, or off',
    actor_id Nullable(UInt64) COMMENT 'Who switched it',
    actor_username Nullable(String) COMMENT 'User name of who switched it',
    received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived: GitLab does not send the time of the switch)',
    last_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse last received it within the following ten minutes (receipt-derived): the row with the latest time has the current state of the flag, even if it was switched back and forth',
    tenant String COMMENT 'The tenant of the first delivery (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it within ten minutes, sorted (receipt-derived)',
    origin String COMMENT 'webhook, api or hook_log, of the first delivery (receipt-derived)',
    event_id UUID COMMENT 'The first event about it, in events (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, project_path, flag_id, name, description, active, actor_id, actor_username,
    received_at, fromUnixTimestamp64Milli(last_told_at, 'UTC') AS last_received_at, tenant, arraySort(told_by) AS tenants, origin, event_id
FROM
(
    SELECT
        *,
        lagInFrame(toNullable(received_at)) OVER (
            PARTITION BY instance, project_id, flag, active, actor
            ORDER BY received_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS previous,
        groupUniqArray(tenant) OVER (
            PARTITION BY instance, project_id, flag, active, actor
            ORDER BY toUnixTimestamp(received_at) RANGE BETWEEN CURRENT ROW AND 599 FOLLOWING
        ) AS told_by,
        max(toUnixTimestamp64Milli(received_at)) OVER (
            PARTITION BY instance, project_id, flag, active, actor
            ORDER BY toUnixTimestamp(received_at) RANGE BETWEEN CURRENT ROW AND 599 FOLLOWING
        ) AS last_told_at
    FROM ${database}.feature_flag_event_facts FINAL
)
WHERE previous IS NULL OR received_at >= previous + INTERVAL 10 MINUTE;
