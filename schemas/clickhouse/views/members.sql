CREATE OR REPLACE VIEW ${database}.members ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 for a member of a group',
    group_id UInt64 COMMENT 'GitLab id of the group; 0 for a member of a project',
    user_id UInt64 COMMENT 'GitLab id of the member',
    username Nullable(String) COMMENT 'User name of the member, from the newest event',
    access_level Nullable(UInt8) COMMENT '5 minimal access, 10 guest, 15 planner, 20 reporter, 25 security manager, 30 developer, 40 maintainer, 50 owner; NULL for a request, and if a webhook names a role defined by the instance',
    access Nullable(String) COMMENT 'Name of the access level, as Developer; NULL for a request',
    requested Nullable(Bool) COMMENT 'Whether it is a pending request for access: not a member yet',
    expires_at Nullable(Date32) COMMENT 'First day after its end; NULL if it does not end',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began or was requested; adding somebody again starts a new membership',
    updated_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last change; webhooks alone say so',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last change before it was removed or its request was denied or withdrawn, the latest time in such an event; or the start of a complete listing that no longer had it; or the last change of its project before the project was deleted; NULL while it exists',
    is_member Bool COMMENT 'Whether it is active: neither removed, nor only requested, nor without access',
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
    instance, project_id, group_id, user_id,
    tupleElement(member_facts.username, 4) AS username,
    tupleElement(member_facts.access_level, 4) AS access_level,
    tupleElement(member_facts.access, 4) AS access,
    tupleElement(member_facts.requested, 4) AS requested,
    tupleElement(member_facts.expires_at, 4) AS expires_at,
    tupleElement(member_facts.created_at, 4) AS created_at,
    tupleElement(member_facts.updated_at, 4) AS updated_at,
    ifNull(tupleElement(member_facts.deleted_at, 4), fromUnixTimestamp64Milli(nullIf(transform(cityHash64(member_facts.instance, member_facts.project_id), destroyed.1, destroyed.2, toInt64(0)), 0), 'UTC')) AS deleted_at,
    deleted_at IS NULL AND NOT ifNull(tupleElement(member_facts.requested, 4), false)
        AND ifNull(tupleElement(member_facts.access_level, 4) > 0, true) AS is_member,
    tupleElement(member_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.member_facts FINAL;
