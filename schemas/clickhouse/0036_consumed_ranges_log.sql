-- Which log an offset counts in: after another broker, or a topic that was deleted and made again, offsets begin at 0 once more. The defaults are what
-- a processor of the version before says: nothing.
ALTER TABLE ${database}.consumed_ranges ${on_cluster}
    ADD COLUMN IF NOT EXISTS cluster LowCardinality(String) DEFAULT ''
        COMMENT 'Id of the Kafka cluster, as it says itself; empty where it says none' FIRST,
    ADD COLUMN IF NOT EXISTS first_at Nullable(DateTime64(3, 'UTC')) DEFAULT NULL
        COMMENT 'Time of the first record in its log, by Kafka' AFTER records,
    ADD COLUMN IF NOT EXISTS latest_at Nullable(DateTime64(3, 'UTC')) DEFAULT NULL
        COMMENT 'Latest time of its records in their log, by Kafka'
        AFTER first_at;
