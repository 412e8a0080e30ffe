-- GitLab reports the renaming of a group, but not its effect on the groups and projects below: a path is the one last reported, with all renamings
-- since applied.
CREATE OR REPLACE VIEW ${database}.groups ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    group_id UInt64 COMMENT 'GitLab id of the group',
    path Nullable(String) COMMENT 'Current full path, as group/subgroup, even after a parent group was renamed',
    name Nullable(String) COMMENT 'Name',
    parent_id Nullable(UInt64) COMMENT 'GitLab id of the parent group; NULL for a top-level group, and until the API or an event of a subgroup says it',
    visibility Nullable(String) COMMENT 'private, internal or public; the API alone says so',
    url Nullable(String) COMMENT 'Page of the group; the API alone says so',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last change; only its own events say so',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last change before it was deleted, the latest time in the event of the deletion; NULL while it exists',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS SELECT
    instance, group_id,
    arrayFold(
        (known, renaming) -> if(renaming.1 >= tupleElement(group_facts.path, 1) AND startsWith(concat(known, '/'), concat(renaming.2, '/')),
            concat(renaming.3, substring(known, length(renaming.2) + 1)), known),
        renamings.list, tupleElement(group_facts.path, 4)) AS path,
    tupleElement(group_facts.name, 4) AS name,
    tupleElement(group_facts.parent_id, 4) AS parent_id,
    tupleElement(group_facts.visibility, 4) AS visibility,
    tupleElement(group_facts.url, 4) AS url,
    tupleElement(group_facts.created_at, 4) AS created_at,
    tupleElement(group_facts.updated_at, 4) AS updated_at,
    tupleElement(group_facts.deleted_at, 4) AS deleted_at,
    tupleElement(group_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.group_facts FINAL
LEFT JOIN
(
    SELECT instance, arraySort(groupArray((second, old_path, new_path))) AS list FROM ${database}.namespace_rename_facts FINAL GROUP BY instance
) AS renamings USING (instance);
