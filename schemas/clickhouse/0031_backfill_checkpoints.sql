-- What backfill has read. One row a list of a project, replaced after each page that Kafka acknowledged: whoever reads on begins there.
-- Bookkeeping and no fact: nothing is built from it, and without it everything is read again, which changes nothing.
CREATE TABLE IF NOT EXISTS ${database}.backfill_checkpoints ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'Project',
    list LowCardinality(String) COMMENT 'Name of the list',
    state String COMMENT 'What was read, and where the next page begins, as JSON',
    requests UInt64 COMMENT 'Requests of the run that saved it',
    objects UInt64 COMMENT 'Objects that the run has brought to Kafka',
    outcome LowCardinality(String) COMMENT 'reading, complete, skipped or failed',
    message String COMMENT 'Why it was skipped or failed',
    saved_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was saved'
)
ENGINE = ${replicated}ReplacingMergeTree(saved_at)
ORDER BY (instance, project_id, list);
