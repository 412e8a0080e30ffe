-- The places of deployed commits on the branches of their project, computed by the processor: on the branch of the merge request whose landing SHA
-- it is, or of the nearest one before it, and on every branch that was promoted to that one or that it was created from.
CREATE OR REPLACE VIEW ${database}.sha_places ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'A deployed commit; only its first eight characters if GitLab sent no more',
    branch String COMMENT 'A branch that contains it; empty if none is known',
    place Int64 COMMENT 'Its place on the branch, as merge_request_places.place; 0 if unknown',
    iid UInt64 COMMENT 'The merge request whose landing SHA it is; 0 for another commit',
    word LowCardinality(String) COMMENT 'How the place was determined: sha, short_sha (the start of exactly one landing SHA), walk (from the nearest landing SHA), promotion; or why it is unknown: deployment_sha_unknown, chain_gap',
    tenants Array(String) COMMENT 'The tenants that reported the project, sorted'
)
${security}
AS SELECT
    instance, project_id, one.1 AS sha, one.2 AS branch, one.3 AS place, one.4 AS iid, one.5 AS word, tenants
FROM (SELECT instance, project_id, shas, tenants FROM ${database}.project_places FINAL) AS places
ARRAY JOIN shas AS one;
