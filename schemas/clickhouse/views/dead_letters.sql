CREATE OR REPLACE VIEW ${database}.dead_letters ${on_cluster}
(
    id UUID COMMENT 'The same if the same record fails again',
    event_id Nullable(UUID) COMMENT 'Id of the event, if the record is an envelope',
    reason LowCardinality(String) COMMENT 'Why it could not be decoded, as a label',
    error String COMMENT 'The full error',
    topic LowCardinality(String) COMMENT 'Topic the record came from',
    partition Int32 COMMENT 'Partition it came from',
    offset Int64 COMMENT 'Offset it had',
    record_key String COMMENT 'Key of the record',
    record String COMMENT 'Value of the record, byte for byte',
    failed_at DateTime64(3, 'UTC') COMMENT 'When it first failed'
)
${security}
AS SELECT id, event_id, reason, error, topic, partition, offset, record_key, record, failed_at
FROM ${database}.dead_letter_facts FINAL;
