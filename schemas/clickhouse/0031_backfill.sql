-- What backfill has read. One row a list of a project or a group, replaced after each page that Kafka acknowledged: whoever reads on begins there.
-- Bookkeeping and no fact: nothing is built from it, and without it everything is read again, which changes nothing.
CREATE TABLE IF NOT EXISTS ${database}.backfill_checkpoints ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    owner_id UInt64 COMMENT 'Project; for the lists group_members and group_milestones the group',
    list LowCardinality(String) COMMENT 'Name of the list',
    state String COMMENT 'What was read, and where the next page is, as JSON',
    requests UInt64 COMMENT 'Requests of the run that saved it',
    objects UInt64 COMMENT 'Objects that the run has brought to Kafka',
    outcome LowCardinality(String) COMMENT 'reading, complete, skipped or failed',
    message String COMMENT 'Why it was skipped or failed',
    saved_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was saved'
)
ENGINE = ${replicated}ReplacingMergeTree(saved_at)
ORDER BY (instance, owner_id, list);

-- What backfill asks GitLab about one by one, because no list tells it. One row a thing: noted when a list meets it, done when it was asked about in
-- that version. Bookkeeping and no fact, as backfill_checkpoints.
CREATE TABLE IF NOT EXISTS ${database}.backfill_pending ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'Project',
    list LowCardinality(String) COMMENT 'Name of the list that asks',
    id UInt64 COMMENT 'What it asks by: iid of a merge request or an issue, id of a pipeline or a deployment',
    version String COMMENT 'The version that it is in: another one is asked about again',
    changed_at DateTime64(3, 'UTC') COMMENT 'When it changed last: the newest come first',
    is_done Bool COMMENT 'Whether it was asked about',
    saved_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When this was noted'
)
ENGINE = ${replicated}ReplacingMergeTree(saved_at)
ORDER BY (instance, project_id, list, id);
