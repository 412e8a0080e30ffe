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
