CREATE OR REPLACE VIEW ${database}.releases ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    tag String COMMENT 'Name of the tag',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    id Nullable(UInt64) COMMENT 'GitLab id of the release; NULL if only the API reported it',
    name Nullable(String) COMMENT 'Title of the release',
    description Nullable(String) COMMENT 'Description in Markdown',
    commit_sha Nullable(String) COMMENT 'Commit that the tag points to',
    author_id Nullable(UInt64) COMMENT 'Who created it; the API alone says so',
    author_username Nullable(String) COMMENT 'User name of who created it; the API alone says so',
    assets_count Nullable(UInt64) COMMENT 'Number of links and source archives',
    links_count Nullable(UInt64) COMMENT 'Number of links among its assets',
    url Nullable(String) COMMENT 'Page of the release',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    released_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was or will be released; its creator may choose the time',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When GitPulse received its deletion (receipt-derived), or the start of a complete listing that no longer had it, or the last change of its project before the project was deleted; NULL again once it exists',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS
WITH
    -- Things in a project are deleted with it.
    (SELECT (arrayPushBack(groupArray(cityHash64(instance, project_id)), 0), arrayPushBack(groupArray(toUnixTimestamp64Milli(assumeNotNull(tupleElement(project_facts.deleted_at, 4)))), 0))
        FROM ${database}.project_facts FINAL WHERE tupleElement(project_facts.deleted_at, 4) IS NOT NULL) AS destroyed
SELECT
    instance, project_id, tag,
    tupleElement(release_facts.project_path, 4) AS project_path,
    tupleElement(release_facts.id, 4) AS id,
    tupleElement(release_facts.name, 4) AS name,
    tupleElement(release_facts.description, 4) AS description,
    tupleElement(release_facts.commit_sha, 4) AS commit_sha,
    tupleElement(release_facts.author_id, 4) AS author_id,
    tupleElement(release_facts.author_username, 4) AS author_username,
    tupleElement(release_facts.assets_count, 4) AS assets_count,
    tupleElement(release_facts.links_count, 4) AS links_count,
    tupleElement(release_facts.url, 4) AS url,
    tupleElement(release_facts.created_at, 4) AS created_at,
    tupleElement(release_facts.released_at, 4) AS released_at,
    ifNull(tupleElement(release_facts.deleted_at, 4), fromUnixTimestamp64Milli(nullIf(transform(cityHash64(release_facts.instance, release_facts.project_id), destroyed.1, destroyed.2, toInt64(0)), 0), 'UTC')) AS deleted_at,
    tupleElement(release_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.release_facts FINAL;
