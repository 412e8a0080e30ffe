-- GitLab tells of the renaming of a group, and nothing of what is in it: a path is what was told of it last, with all renamings since.
CREATE OR REPLACE VIEW ${database}.groups ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    group_id UInt64 COMMENT 'GitLab id of the group',
    path Nullable(String) COMMENT 'Full path of today, as group/subgroup: also after a group that it is in was renamed',
    name Nullable(String) COMMENT 'Name',
    parent_id Nullable(UInt64) COMMENT 'GitLab id of the group it is in; NULL for a top-level group, and until the API or an event of a subgroup says it',
    visibility Nullable(String) COMMENT 'private, internal or public; the API alone says so',
    url Nullable(String) COMMENT 'Page of the group; the API alone says so',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it changed last; events of its own alone say so',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it changed last before it was deleted: the event of the deletion has no later time; NULL while it is there',
    last_event_id UUID COMMENT 'The newest event that told of it, in events (receipt-derived: which of several deliveries depends on them)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)'
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
