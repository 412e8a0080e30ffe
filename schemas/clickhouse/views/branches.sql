CREATE OR REPLACE VIEW ${database}.branches ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    name String COMMENT 'Name, as main',
    head_sha Nullable(String) COMMENT 'Its newest commit; NULL once it was deleted (receipt-derived if its pushes form a circle or one is missing)',
    is_default Nullable(Bool) COMMENT 'Whether it is the default branch, as last listed by the API',
    protected Nullable(Bool) COMMENT 'Whether it is protected, as last listed by the API',
    merged Nullable(Bool) COMMENT 'Whether it is merged into the default branch, as last listed by the API',
    moved_at DateTime64(3, 'UTC') COMMENT 'When its head was pushed (receipt-derived, unless the API says when)',
    deleted_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was deleted (receipt-derived), or the start of a complete listing that no longer had it; NULL while it exists',
    first_pushed_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received a push or listing of it (receipt-derived)',
    last_pushed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Its last push (receipt-derived, unless the API says when); NULL if only a listing is known',
    last_pusher_id Nullable(UInt64) COMMENT 'Who pushed last (receipt-derived)',
    last_pusher_username Nullable(String) COMMENT 'User name of who pushed last (receipt-derived)',
    pushes UInt64 COMMENT 'Number of known pushes',
    url Nullable(String) COMMENT 'Page of the branch, from the API',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted'
)
${security}
AS SELECT
    refs.instance AS instance, refs.project_id AS project_id, substring(refs.ref, 12) AS name,
    if(match(refs.sha, '^0+$'), NULL, refs.sha) AS head_sha,
    tupleElement(listed.is_default, 4) AS is_default, tupleElement(listed.protected, 4) AS protected, tupleElement(listed.merged, 4) AS merged,
    moved_at, if(head_sha IS NULL, moved_at, NULL) AS deleted_at,
    first_pushed_at, last_pushed_at, last_pusher_id, last_pusher_username, pushes,
    tupleElement(listed.url, 4) AS url, refs.tenants AS tenants
FROM ${database}.ref_heads AS refs
LEFT ALL JOIN (SELECT * FROM ${database}.ref_head_facts FINAL) AS listed
    ON listed.instance = refs.instance AND listed.project_id = refs.project_id AND listed.ref = refs.ref
WHERE startsWith(refs.ref, 'refs/heads/');
