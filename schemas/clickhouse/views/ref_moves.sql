-- Every observation of a push, without a look at others: what two hooks told is there twice, and moves of one ref have no order. It is read fast; how
-- many pushes there were, `pushes` says.
CREATE OR REPLACE VIEW ${database}.ref_moves ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    ref String COMMENT 'Full name: refs/heads/main, refs/tags/v1',
    before String COMMENT 'SHA it left; zeros where it was created',
    after String COMMENT 'SHA it came to; zeros where it was deleted',
    pushed_at DateTime64(3, 'UTC') COMMENT 'When (receipt-derived, unless the API says when it was pushed)',
    received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse received it (receipt-derived)',
    commits_count Nullable(UInt64) COMMENT 'Commits in the push, as GitLab counts them',
    commits_listed UInt64 COMMENT 'Commits that GitLab listed with it: at most the newest 20; the API lists none',
    tenant LowCardinality(String) COMMENT 'The configured source that told of it'
)
${security}
AS SELECT instance, project_id, ref, before, after, pushed_at, received_at, commits_count, commits_listed, tenant
FROM ${database}.push_facts
WHERE ref_count IS NULL;
