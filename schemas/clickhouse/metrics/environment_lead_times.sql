-- Which deployment delivered a merge request, in each of several production environments, and how long that
-- took: for who deploys by region or by customer. `lead_times` counts the first of them. A merge request belongs to the first
-- success in the tier that stands at or beyond it on its branch. The first success on record attributes nothing, nor does the first on a branch to
-- what was merged before the first of all: nobody knows whether it was delivered before.
CREATE OR REPLACE VIEW ${database}.environment_lead_times ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project that it was merged into',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    tier LowCardinality(String) COMMENT 'production, and each other tier of environments that something was deployed to',
    environment String COMMENT 'Name of the environment; a project with a single one of tier production has no row here',
    branch String COMMENT 'Branch that it was merged into',
    merged_at DateTime('UTC') COMMENT 'When it was merged, in whole seconds',
    deployment_id Nullable(UInt64) COMMENT 'The deployment that delivered it; NULL where it is not attributed',
    deployed_at Nullable(DateTime('UTC')) COMMENT 'When that succeeded',
    lead_time_seconds Nullable(Int64) COMMENT 'From merged_at to deployed_at; 0 of what was deployed before it was merged',
    evidence LowCardinality(String) COMMENT 'How it is known: landing (its own commit was deployed), place (one beyond it on the branch was), cherry_pick (its commit was picked into what was deployed), link (GitLab lists it); empty where it is not attributed',
    reason LowCardinality(String) COMMENT 'Why it is not attributed: promotion, baseline, rewritten, landing_unknown, tie, deployment_sha_unknown, chain_gap, tier_unknown, branch_not_deployed, awaiting; empty where it is'
)
${security}
AS SELECT instance, project_id, iid, tier, environment, branch, merged_at, deployment_id, deployed_at, lead_time_seconds, evidence, reason
FROM ${database}.deliveries AS deliveries
WHERE deliveries.environment != '';
