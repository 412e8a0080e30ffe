-- Every event with its payload: what all other tables can be built from again.
-- One row an event id; the earliest receipt of a repeated event wins.
CREATE TABLE IF NOT EXISTS ${database}.event_facts ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance, as https://gitlab.example.com',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 where there is none or the body does not say',
    kind LowCardinality(String) COMMENT 'What the event is about; the topic it travelled on',
    id UUID COMMENT 'Event id: the same for a retry, a resend and a rerun of the same delivery',
    name LowCardinality(String) COMMENT 'GitLab''s own name: object_kind, else event_name',
    action LowCardinality(String) COMMENT 'Action, else status or state, as the body says it',
    project_path String COMMENT 'Path of the project when the event was sent',
    subject String COMMENT 'The entity, as project/42/merge_request/7',
    origin LowCardinality(String) COMMENT 'webhook, api or hook_log',
    confidential Bool COMMENT 'Whether it is about something that GitLab shows to few: a confidential issue, an internal note',
    tenant LowCardinality(String) COMMENT 'The configured source that verified the delivery',
    delivery_id String COMMENT 'GitLab''s id of the delivery; empty before GitLab 17.4',
    received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse received it first',
    payload String COMMENT 'What GitLab sent, but for redacted secrets' CODEC(ZSTD(1)),
    precedence UInt64 COMMENT 'Highest for the earliest receipt: which row of one id stays',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse stored this row: what a rebuild has not seen yet',
    INDEX received_at_range received_at TYPE minmax,
    INDEX inserted_at_range inserted_at TYPE minmax
)
ENGINE = ${replicated}ReplacingMergeTree(precedence)
ORDER BY (instance, project_id, kind, id);
