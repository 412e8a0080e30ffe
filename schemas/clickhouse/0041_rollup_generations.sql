-- What of the metrics is stored of which project, and whether something was told of it since. Whoever stores rows of a project adds a mark, after the rows
-- can be seen; whoever computes the project's rollups has read how many marks there were before it reads the facts, and that number is their
-- generation. A project waits while it has more marks than its newest generation has. No clock is compared. Bookkeeping and no fact: without it
-- every project is computed anew.
CREATE TABLE IF NOT EXISTS ${database}.rollup_generations ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'Project',
    marks SimpleAggregateFunction(sum, UInt64) DEFAULT 0 COMMENT 'How often something was stored of it; one that is counted twice costs a computation and harms nothing',
    generation SimpleAggregateFunction(max, UInt64) DEFAULT 0 COMMENT 'How many marks there were before its newest rollups were computed; 0 before the first'
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id)
-- Two marks that look alike are two: replicas must not take the second for a repetition.
SETTINGS replicated_deduplication_window = 0;
