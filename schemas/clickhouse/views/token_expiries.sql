CREATE OR REPLACE VIEW ${database}.token_expiries ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 for a token of a group or a person',
    group_id UInt64 COMMENT 'GitLab id of the group; 0 for a token of a project or a person',
    token_type LowCardinality(String) COMMENT 'access_token or deploy_token',
    id UInt64 COMMENT 'GitLab id, unique in the instance for its type',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    group_path Nullable(String) COMMENT 'Path of the group, if a webhook said it',
    name Nullable(String) COMMENT 'Name of the token',
    user_id Nullable(UInt64) COMMENT 'The user that an access token acts as; a bot for tokens of projects and groups',
    username Nullable(String) COMMENT 'User name to log in with, for a deploy token; the API alone says so',
    scopes Array(String) COMMENT 'Its scopes, sorted; the API alone says so',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    expires_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it expires: midnight UTC of the day for access tokens; NULL if never',
    last_used_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last used, as last reported; GitLab 17 and later',
    revoked Nullable(Bool) COMMENT 'Whether it was revoked; webhooks only say so for deploy tokens',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, group_id, token_type, id,
    tupleElement(token_expiry_facts.project_path, 4) AS project_path,
    tupleElement(token_expiry_facts.group_path, 4) AS group_path,
    tupleElement(token_expiry_facts.name, 4) AS name,
    tupleElement(token_expiry_facts.user_id, 4) AS user_id,
    tupleElement(token_expiry_facts.username, 4) AS username,
    tupleElement(token_expiry_facts.scopes, 4) AS scopes,
    tupleElement(token_expiry_facts.created_at, 4) AS created_at,
    tupleElement(token_expiry_facts.expires_at, 4) AS expires_at,
    tupleElement(token_expiry_facts.last_used_at, 4) AS last_used_at,
    tupleElement(token_expiry_facts.revoked, 4) AS revoked,
    tupleElement(token_expiry_facts.last_event_id, 4) AS last_event_id,
    arraySort(tenants) AS tenants,
    arraySort(origins) AS origins,
    first_received_at
FROM ${database}.token_expiry_facts FINAL;
