-- Which deployment delivered a merge request, for each tier of its project, and how long that took. A merge request belongs to the first success in
-- the tier that is at or beyond it on its branch. Nothing is attributed to the first success on record. Nor is anything merged before that one
-- attributed to the first success on a branch: it may have been delivered before.
CREATE OR REPLACE VIEW ${database}.lead_times ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the target project',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    tier LowCardinality(String) COMMENT 'production, and each other tier with deployments',
    author_id Nullable(UInt64) COMMENT 'Who opened it',
    branch String COMMENT 'Target branch',
    merged_at DateTime('UTC') COMMENT 'When it was merged, in whole seconds',
    deployment_id Nullable(UInt64) COMMENT 'The deployment that delivered it; NULL if it is not attributed',
    deployed_at Nullable(DateTime('UTC')) COMMENT 'When that deployment succeeded',
    lead_time_seconds Nullable(Int64) COMMENT 'From merged_at to deployed_at; 0 if it was deployed before it was merged',
    first_commit_at Nullable(DateTime('UTC')) COMMENT 'When its first commit was written, from first_commits; NULL if unknown',
    first_commit_lead_time_seconds Nullable(Int64) COMMENT 'From first_commit_at to deployed_at; NULL if one is unknown, or if the commit is later than the merge because the author''s clock was ahead',
    evidence LowCardinality(String) COMMENT 'Evidence: landing (its own commit was deployed), place (a later commit of its branch was deployed), cherry_pick (its commit was cherry-picked into what was deployed), link (GitLab lists it); empty if it is not attributed',
    reason LowCardinality(String) COMMENT 'Why it is not attributed: promotion, baseline, rewritten, landing_unknown, tie, deployment_sha_unknown, chain_gap, tier_unknown, branch_not_deployed, awaiting; empty if it is'
)
${security}
AS SELECT
    deliveries.instance AS instance, deliveries.project_id AS project_id, deliveries.iid AS iid, tier, author_id, branch, merged_at, deployment_id, deployed_at, lead_time_seconds,
    first_commit_at, if(first_commit_at <= merged_at, toInt64(deployed_at) - toInt64(first_commit_at), NULL) AS first_commit_lead_time_seconds, evidence, deliveries.reason AS reason
FROM ${database}.deliveries AS deliveries
LEFT ANY JOIN ${database}.first_commits AS first_commits
    ON first_commits.instance = deliveries.instance AND first_commits.project_id = deliveries.project_id AND first_commits.iid = deliveries.iid
WHERE deliveries.environment = ''
-- This optimization would cost a third of planning and finds nothing here.
SETTINGS optimize_and_compare_chain = 0;
