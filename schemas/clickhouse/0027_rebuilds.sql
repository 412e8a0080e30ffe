-- What `gitpulse rebuild` did and how far it came. A row is a step; whoever inserts reads here whether tables were swapped meanwhile.
CREATE TABLE IF NOT EXISTS ${database}.rebuilds ${on_cluster}
(
    id UUID COMMENT 'One rebuild',
    step LowCardinality(String) COMMENT 'started, swapping, swapped, finished; or discarded',
    tables Array(String) COMMENT 'The storage tables that it rebuilds',
    began_at DateTime64(3, 'UTC') COMMENT 'A quarter of an hour before it began, for what was being stored then: what was stored since may be missing in the new tables until it is finished',
    at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it came to this step'
)
ENGINE = ${replicated}MergeTree
ORDER BY (id, step);
