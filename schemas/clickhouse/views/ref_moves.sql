-- All observations of pushes, without comparing them: a push reported by two hooks is here twice, and the moves of a ref have no order. It is fast
-- to read; `pushes` has the number of pushes.
CREATE OR REPLACE VIEW ${database}.ref_moves ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    ref String COMMENT 'Full name: refs/heads/main, refs/tags/v1',
    before String COMMENT 'SHA before the push; zeros if the ref was created',
    after String COMMENT 'SHA after the push; zeros if the ref was deleted',
    pushed_at DateTime64(3, 'UTC') COMMENT 'When it was pushed (receipt-derived, unless the API says when)',
    received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse received it (receipt-derived)',
    commits_count Nullable(UInt64) COMMENT 'Commits in the push, as GitLab counts them',
    commits_listed UInt64 COMMENT 'Commits that GitLab listed with it: at most the newest 20; the API lists none',
    tenant LowCardinality(String) COMMENT 'The tenant that reported it'
)
${security}
AS SELECT instance, project_id, ref, before, after, pushed_at, received_at, commits_count, commits_listed, tenant
FROM ${database}.push_facts
WHERE ref_count IS NULL;
