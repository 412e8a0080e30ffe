-- A path combines the newest information about each of its parts: the project, its group, and all renamings of groups and users since.
CREATE OR REPLACE VIEW ${database}.projects ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    path Nullable(String) COMMENT 'Current path, as group/subgroup/project, even after a parent group was renamed',
    namespace_path Nullable(String) COMMENT 'Path of its namespace: path without its last segment',
    name Nullable(String) COMMENT 'Name',
    namespace_id Nullable(UInt64) COMMENT 'GitLab id of its namespace: a group, or a user''s own',
    visibility Nullable(String) COMMENT 'private, internal or public',
    default_branch Nullable(String) COMMENT 'Default branch',
    url Nullable(String) COMMENT 'Page of the project',
    archived Nullable(Bool) COMMENT 'Whether it is archived; the API alone says so',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last change; only its own events and the API say so',
    last_activity_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When somebody last did something in it; the API alone says so',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last change before it was deleted, the latest time in the event of the deletion; NULL while it exists',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id,
    arrayFold(
        (known, renaming) -> if(renaming.1 >= told AND startsWith(known, concat(renaming.2, '/')),
            concat(renaming.3, substring(known, length(renaming.2) + 1)), known),
        renamings.list, told_path) AS path,
    nullIf(replaceRegexpOne(path, '/?[^/]*$', ''), '') AS namespace_path,
    tupleElement(project_facts.name, 4) AS name,
    tupleElement(project_facts.namespace_id, 4) AS namespace_id,
    tupleElement(project_facts.visibility, 4) AS visibility,
    tupleElement(project_facts.default_branch, 4) AS default_branch,
    tupleElement(project_facts.url, 4) AS url,
    tupleElement(project_facts.archived, 4) AS archived,
    tupleElement(project_facts.created_at, 4) AS created_at,
    tupleElement(project_facts.updated_at, 4) AS updated_at,
    tupleElement(project_facts.last_activity_at, 4) AS last_activity_at,
    tupleElement(project_facts.deleted_at, 4) AS deleted_at,
    tupleElement(project_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM
(
    SELECT
        *,
        -- The namespace was reported together with the path: if the project had moved since, another path would have been reported.
        places.named > tupleElement(path, 1) AND tupleElement(namespace_id, 1) = tupleElement(path, 1)
            AND position(tupleElement(path, 4), '/') > 0 AS is_named_later,
        if(is_named_later, places.named, tupleElement(path, 1)) AS told,
        if(is_named_later, concat(places.place, substring(tupleElement(path, 4), -position(reverse(assumeNotNull(tupleElement(path, 4))), '/'))), tupleElement(path, 4)) AS told_path
    FROM (SELECT * FROM ${database}.project_facts FINAL) AS facts
    LEFT JOIN
    (
        SELECT instance AS place_instance, toNullable(group_id) AS place_id, tupleElement(path, 1) AS named, tupleElement(path, 4) AS place
        FROM ${database}.group_facts FINAL WHERE tupleElement(path, 4) IS NOT NULL
    ) AS places ON places.place_instance = facts.instance AND places.place_id = tupleElement(facts.namespace_id, 4)
) AS project_facts
LEFT JOIN
(
    SELECT instance, arraySort(groupArray((second, old_path, new_path))) AS list FROM ${database}.namespace_rename_facts FINAL GROUP BY instance
) AS renamings USING (instance);
