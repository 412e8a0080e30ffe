-- What reconcile remembers. One row a name of a project or a group: how far its lists and the logs of its hooks were read, which numbers GitLab
-- does not have, what was looked at again and when. Bookkeeping and no fact: without it more is asked, which changes no other table.
CREATE TABLE IF NOT EXISTS ${database}.reconcile_states ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    place String COMMENT 'Whose it is, as project/42 or group/5',
    name String COMMENT 'What is remembered: project, or hook_log/7 for the log of a hook',
    state String COMMENT 'What is remembered of it, as JSON',
    saved_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was saved'
)
ENGINE = ${replicated}ReplacingMergeTree(saved_at)
ORDER BY (instance, place, name);
