CREATE OR REPLACE VIEW ${database}.token_expiries ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 for a token of a group or a person',
    group_id UInt64 COMMENT 'GitLab id of the group; 0 for a token of a project or a person',
    token_type LowCardinality(String) COMMENT 'access_token or deploy_token',
    id UInt64 COMMENT 'GitLab id, unique in the instance for its type',
    project_path Nullable(String) COMMENT 'Path of the project when it was told of last; projects.path is today''s; webhooks alone say it',
    group_path Nullable(String) COMMENT 'Path of the group, where a webhook said so',
    name Nullable(String) COMMENT 'Name of the token',
    user_id Nullable(UInt64) COMMENT 'The user that an access token acts as; a bot for those of projects and groups',
    username Nullable(String) COMMENT 'User name to log in with, for a deploy token; the API alone says so',
    scopes Array(String) COMMENT 'What it may do, sorted; the API alone says so',
    created_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created',
    expires_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it expires: midnight UTC of the day for access tokens; NULL for never',
    last_used_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was used last, as far as told; GitLab 17 and later',
    revoked Nullable(Bool) COMMENT 'Whether it was revoked; webhooks say so for deploy tokens alone',
    last_event_id UUID COMMENT 'The newest event that told of it, in events (receipt-derived: which of several deliveries depends on them)',
    tenants Array(String) COMMENT 'The configured sources that told of it, sorted',
    origins Array(String) COMMENT 'webhook, api, hook_log: the faces that told of it, sorted',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse heard of it first (receipt-derived)'
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
