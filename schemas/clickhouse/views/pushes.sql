-- The observations of one transition are combined: one hook has a list of commits, another only their number.
CREATE OR REPLACE VIEW ${database}.pushes ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    project_path String COMMENT 'Path of the project at the time of the push; empty if unknown',
    ref String COMMENT 'Full name of the ref, as refs/heads/main',
    ref_type LowCardinality(String) COMMENT 'branch or tag',
    name String COMMENT 'Name of the branch or tag',
    before String COMMENT 'SHA before the push; all zeros if the ref is new',
    after String COMMENT 'SHA after the push; all zeros if the ref was deleted. For an annotated tag, the SHA of the tag',
    change LowCardinality(String) COMMENT 'created, updated or deleted',
    pushed_at DateTime64(3, 'UTC') COMMENT 'When it was pushed, if the API says it; else when GitPulse first received it (receipt-derived: a webhook has no time of the push)',
    user_id Nullable(UInt64) COMMENT 'Who pushed',
    user_username Nullable(String) COMMENT 'User name of who pushed',
    user_name Nullable(String) COMMENT 'Name of who pushed',
    ref_protected Nullable(Bool) COMMENT 'Whether the branch was protected; NULL before GitLab 17',
    commits_count Nullable(UInt64) COMMENT 'Commits in the push, as GitLab counts them',
    commits_listed UInt64 COMMENT 'Commits that GitLab listed with it: at most the newest 20',
    ref_count Nullable(UInt64) COMMENT 'Number of refs, if a push had more than GitLab lists: then ref, name, before and after are empty; NULL for a push of one ref; the API alone says it',
    push_options Array(String) COMMENT 'Names of the push options, as ci.skip, sorted; webhooks alone say it',
    message Nullable(String) COMMENT 'Message of an annotated tag',
    commit_sha Nullable(String) COMMENT 'Commit that the ref points to; for an annotated tag this differs from after',
    received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse received the first observation (receipt-derived)',
    tenant String COMMENT 'The tenant of the first observation (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it within ten minutes, sorted (receipt-derived)',
    origin String COMMENT 'webhook, api or hook_log, of the first observation (receipt-derived)',
    event_id UUID COMMENT 'The first event about it, in events (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, if(project_path = '', path, project_path) AS project_path,
    if(refs IS NULL, told_ref, '') AS ref,
    if(startsWith(told_ref, 'refs/tags/'), 'tag', 'branch') AS ref_type,
    replaceRegexpOne(told_ref, '^refs/(heads|tags)/', '') AS name,
    if(refs IS NULL, told_before, '') AS before, if(refs IS NULL, told_after, '') AS after,
    multiIf(
        match(told_before, '^0+$') OR (refs IS NOT NULL AND told_before = 'created'), 'created',
        match(told_after, '^0+$') OR (refs IS NOT NULL AND told_before = 'removed'), 'deleted',
        'updated') AS change,
    pushed_at,
    ifNull(user_id, any_id) AS user_id, ifNull(user_username, any_username) AS user_username, ifNull(user_name, any_name) AS user_name,
    protected AS ref_protected, count AS commits_count, listed AS commits_listed, refs AS ref_count, arraySort(options) AS push_options, text AS message, points_to AS commit_sha,
    received_at, tenant, arraySort(told_by) AS tenants, origin, event_id
FROM
(
    SELECT
        *,
        lagInFrame(toNullable(pushed_at)) OVER (transition ORDER BY pushed_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS previous,
        groupUniqArray(tenant) OVER (
            PARTITION BY instance, project_id, ref, before, after
            ORDER BY toUnixTimestamp(pushed_at) RANGE BETWEEN CURRENT ROW AND 599 FOLLOWING
        ) AS told_by,
        max(project_path) OVER transition AS path,
        max(user_id) OVER transition AS any_id,
        max(user_username) OVER transition AS any_username,
        max(user_name) OVER transition AS any_name,
        max(ref_protected) OVER transition AS protected,
        max(commits_count) OVER transition AS count,
        max(commits_listed) OVER transition AS listed,
        max(ref_count) OVER transition AS refs,
        groupUniqArrayArray(push_options) OVER transition AS options,
        ref AS told_ref, before AS told_before, after AS told_after,
        max(message) OVER transition AS text,
        max(commit_sha) OVER transition AS points_to
    FROM ${database}.push_facts FINAL
    WINDOW transition AS (PARTITION BY instance, project_id, ref, before, after)
)
WHERE previous IS NULL OR pushed_at >= previous + INTERVAL 10 MINUTE;
