-- Where the commits that were deployed stand on the branches of their project, as the processor computes it: on the branch of the merge request whose
-- landing SHA it is, or of the nearest one before it, and on every branch that was promoted to that one, or that it was cut from.
CREATE OR REPLACE VIEW ${database}.sha_places ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    sha String COMMENT 'A commit that was deployed; its first eight characters where GitLab told no more',
    branch String COMMENT 'A branch that has it; empty where none is known',
    place Int64 COMMENT 'Up to which place of the branch, as merge_request_places.place; 0 where none is known',
    iid UInt64 COMMENT 'The merge request whose landing SHA it is; 0 for another commit',
    word LowCardinality(String) COMMENT 'How that is known: sha, short_sha (a part that fits one landing SHA), walk (from the nearest landing SHA), promotion; or why it is not: deployment_sha_unknown, chain_gap',
    tenants Array(String) COMMENT 'The configured sources that told of the project, sorted'
)
${security}
AS SELECT
    instance, project_id, one.1 AS sha, one.2 AS branch, one.3 AS place, one.4 AS iid, one.5 AS word, tenants
FROM (SELECT instance, project_id, shas, tenants FROM ${database}.project_places FINAL) AS places
ARRAY JOIN shas AS one;
