-- A wiki commit changes a page once. GitLab's test of a hook reports the newest change as create: if an update reports the same change, it was an
-- update.
CREATE OR REPLACE VIEW ${database}.wiki_page_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if an old GitLab does not say',
    slug String COMMENT 'Path of the page within the wiki',
    action LowCardinality(String) COMMENT 'create, update or delete',
    version_id Nullable(String) COMMENT 'Commit of the wiki that made the change; for a deletion, the last one before it; NULL from old versions of GitLab',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived: GitLab does not send the time of the change)',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    title Nullable(String) COMMENT 'Title of the page',
    format Nullable(String) COMMENT 'markdown, rdoc, asciidoc or org',
    message Nullable(String) COMMENT 'Message of the commit',
    url Nullable(String) COMMENT 'The page',
    actor_id Nullable(UInt64) COMMENT 'Who did it, as first reported (receipt-derived if the test of a hook repeats it); NULL from old versions of GitLab',
    actor_username Nullable(String) COMMENT 'User name of who did it, as first reported (receipt-derived if the test of a hook repeats it)',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log'
)
${security}
AS SELECT
    instance, project_id, slug, action,
    if(startsWith(version, 'sha256:'), NULL, version) AS version_id,
    first_received_at AS occurred_at,
    project_path, title, format, message, url,
    if(facts.is_named, tupleElement(tupleElement(facts.first_actor, 4), 1), facts.actor_id) AS actor_id,
    if(facts.is_named, tupleElement(tupleElement(facts.first_actor, 4), 2), facts.actor_username) AS actor_username,
    first_received_at,
    arraySort(tenants) AS tenants, arraySort(origins) AS origins
FROM
(
    SELECT
        *,
        isNotNull(tupleElement(tupleElement(first_actor, 4), 1)) OR isNotNull(tupleElement(tupleElement(first_actor, 4), 2)) AS is_named,
        countIf(action = 'update') OVER (PARTITION BY instance, project_id, slug, version) AS updates
    FROM ${database}.wiki_page_event_facts FINAL
) AS facts
WHERE NOT (facts.action = 'create' AND facts.updates > 0);
