CREATE OR REPLACE VIEW ${database}.users ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    user_id UInt64 COMMENT 'GitLab id of the user',
    username Nullable(String) COMMENT 'User name, as in @name',
    name Nullable(String) COMMENT 'Display name',
    state Nullable(String) COMMENT 'active, blocked, ldap_blocked, banned, deactivated, ...; NULL until the API or a failed log-in says it',
    is_bot Nullable(Bool) COMMENT 'Whether it is a bot; the API alone says so',
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
    instance, user_id,
    tupleElement(user_facts.username, 4) AS username,
    tupleElement(user_facts.name, 4) AS name,
    tupleElement(user_facts.state, 4) AS state,
    tupleElement(user_facts.is_bot, 4) AS is_bot,
    tupleElement(user_facts.created_at, 4) AS created_at,
    tupleElement(user_facts.updated_at, 4) AS updated_at,
    tupleElement(user_facts.deleted_at, 4) AS deleted_at,
    tupleElement(user_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.user_facts FINAL;
