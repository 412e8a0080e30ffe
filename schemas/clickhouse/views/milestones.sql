CREATE OR REPLACE VIEW ${database}.milestones ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 for a milestone of a group',
    id UInt64 COMMENT 'GitLab id, unique in the instance',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    group_id Nullable(UInt64) COMMENT 'GitLab id of the group, for a milestone of a group',
    group_path Nullable(String) COMMENT 'Path of the group, if a webhook said it',
    iid Nullable(UInt64) COMMENT 'Number within the project or group',
    title Nullable(String) COMMENT 'Title',
    state Nullable(String) COMMENT 'active or closed',
    start_date Nullable(Date32) COMMENT 'First day',
    due_date Nullable(Date32) COMMENT 'Last day',
    url Nullable(String) COMMENT 'Page of the milestone; the API alone says so',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last change',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When GitPulse received its deletion (receipt-derived), or the start of a complete listing that no longer had it, or the last change of its project before the project was deleted',
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
    instance, project_id, id,
    tupleElement(milestone_facts.project_path, 4) AS project_path,
    tupleElement(milestone_facts.group_id, 4) AS group_id,
    tupleElement(milestone_facts.group_path, 4) AS group_path,
    tupleElement(milestone_facts.iid, 4) AS iid,
    tupleElement(milestone_facts.title, 4) AS title,
    tupleElement(milestone_facts.state, 4) AS state,
    tupleElement(milestone_facts.start_date, 4) AS start_date,
    tupleElement(milestone_facts.due_date, 4) AS due_date,
    tupleElement(milestone_facts.url, 4) AS url,
    tupleElement(milestone_facts.created_at, 4) AS created_at,
    tupleElement(milestone_facts.updated_at, 4) AS updated_at,
    ifNull(tupleElement(milestone_facts.deleted_at, 4), fromUnixTimestamp64Milli(nullIf(transform(cityHash64(milestone_facts.instance, milestone_facts.project_id), destroyed.1, destroyed.2, toInt64(0)), 0), 'UTC')) AS deleted_at,
    tupleElement(milestone_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.milestone_facts FINAL;
