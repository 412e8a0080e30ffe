-- One row a change of a wiki page: its slug, what was done, and the commit of the wiki. Bodies of old versions of GitLab do not name the
-- commit: a digest of what they say stands in, so that two hooks still tell of one change. No body carries a time: the first receipt
-- stands in. The page's content is in events alone.
CREATE TABLE IF NOT EXISTS ${database}.wiki_page_event_facts ${on_cluster}
(
    instance LowCardinality(String),
    project_id UInt64,
    slug String,
    action LowCardinality(String),
    version String COMMENT 'Commit of the wiki, else sha256: and the digest of the page',
    project_path SimpleAggregateFunction(max, Nullable(String)),
    title SimpleAggregateFunction(max, Nullable(String)),
    format SimpleAggregateFunction(max, Nullable(String)),
    message SimpleAggregateFunction(max, Nullable(String)),
    url SimpleAggregateFunction(max, Nullable(String)),
    actor_id SimpleAggregateFunction(max, Nullable(UInt64)),
    actor_username SimpleAggregateFunction(max, Nullable(String)),
    tenants SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    origins SimpleAggregateFunction(groupUniqArrayArray, Array(String)),
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, project_id, slug, action, version);
