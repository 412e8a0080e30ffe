-- Which of Kafka's records processors have stored. One row a batch and partition, written after the batch's rows and before its offsets are
-- committed, so that a position that no range covers was never consumed: `gitpulse check` looks for such holes. Bookkeeping
-- and no fact: nothing is built from it, and it is kept for a month.
CREATE TABLE IF NOT EXISTS ${database}.consumed_ranges ${on_cluster}
(
    topic LowCardinality(String) COMMENT 'Topic',
    partition Int32 COMMENT 'Partition of the topic',
    first_offset Int64 COMMENT 'Offset of the first record of the batch',
    next_offset Int64 COMMENT 'Offset behind its last record',
    records UInt64 COMMENT 'Records between them; fewer than offsets where Kafka had deleted some',
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the range was recorded'
)
ENGINE = ${replicated}MergeTree
ORDER BY (topic, partition, first_offset)
TTL toDateTime(recorded_at) + INTERVAL 30 DAY;
