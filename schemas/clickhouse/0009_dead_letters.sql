-- One row a record that could not be decoded, whole. The id comes from topic and bytes, so that reading a record again
-- changes nothing; the earliest failure stays.
CREATE TABLE IF NOT EXISTS ${database}.dead_letter_facts ${on_cluster}
(
    id UUID,
    event_id Nullable(UUID),
    reason LowCardinality(String),
    error String,
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
    record_key String,
    record String CODEC(ZSTD(1)),
    failed_at DateTime64(3, 'UTC'),
    precedence UInt64 COMMENT 'Highest for the earliest failure'
)
ENGINE = ${replicated}ReplacingMergeTree(precedence)
ORDER BY id;

CREATE VIEW IF NOT EXISTS ${database}.dead_letters ${on_cluster}
(
    id UUID COMMENT 'The same whenever the same record fails again',
    event_id Nullable(UUID) COMMENT 'Id of the event, where the record is an envelope',
    reason LowCardinality(String) COMMENT 'Why it could not be decoded, in one word',
    error String COMMENT 'Why, in full',
    topic LowCardinality(String) COMMENT 'Topic the record came from',
    partition Int32 COMMENT 'Partition it came from',
    offset Int64 COMMENT 'Offset it had',
    record_key String COMMENT 'Key of the record',
    record String COMMENT 'Value of the record, byte for byte',
    failed_at DateTime64(3, 'UTC') COMMENT 'When it failed first'
)
AS SELECT id, event_id, reason, error, topic, partition, offset, record_key, record, failed_at
FROM ${database}.dead_letter_facts FINAL;
