-- Which deployment delivered a merge request, for each of several production environments, and how long that took: for deployments by region or by
-- customer. `lead_times` counts the first of them. A merge request belongs to the first success in the tier that is at or beyond it on its branch.
-- Nothing is attributed to the first success on record. Nor is anything merged before that one attributed to the first success on a branch: it may
-- have been delivered before.
CREATE OR REPLACE VIEW ${database}.environment_lead_times ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the target project',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    tier LowCardinality(String) COMMENT 'production, and each other tier with deployments',
    environment String COMMENT 'Name of the environment; a project with only one production environment has no row here',
    branch String COMMENT 'Target branch',
    merged_at DateTime('UTC') COMMENT 'When it was merged, in whole seconds',
    deployment_id Nullable(UInt64) COMMENT 'The deployment that delivered it; NULL if it is not attributed',
    deployed_at Nullable(DateTime('UTC')) COMMENT 'When that deployment succeeded',
    lead_time_seconds Nullable(Int64) COMMENT 'From merged_at to deployed_at; 0 if it was deployed before it was merged',
    evidence LowCardinality(String) COMMENT 'Evidence: landing (its own commit was deployed), place (a later commit of its branch was deployed), cherry_pick (its commit was cherry-picked into what was deployed), link (GitLab lists it); empty if it is not attributed',
    reason LowCardinality(String) COMMENT 'Why it is not attributed: promotion, baseline, rewritten, landing_unknown, tie, deployment_sha_unknown, chain_gap, tier_unknown, branch_not_deployed, awaiting; empty if it is'
)
${security}
AS SELECT instance, project_id, iid, tier, environment, branch, merged_at, deployment_id, deployed_at, lead_time_seconds, evidence, reason
FROM ${database}.deliveries AS deliveries
WHERE deliveries.environment != '';
