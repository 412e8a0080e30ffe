-- One row a project: where its merged merge requests, and the commits that were deployed, stand on its branches, as the processor computes it by following
-- chains of pushes and commits. Replaced whole, by generation; no fact: without it the project is computed anew.
CREATE TABLE IF NOT EXISTS ${database}.project_places ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project',
    generation UInt64 COMMENT 'How many marks there were in rollup_generations before it was computed',
    requests Array(Tuple(UInt64, String, Int64, String, Bool, Bool, Int64, Array(UInt64), Array(UInt64), Array(String)))
        COMMENT 'iid, branch, place, landing SHA, is_tie, is_promotion, rewritten_at, reverts, picks, tenants: see the view merge_request_places',
    shas Array(Tuple(String, String, Int64, UInt64, String)) COMMENT 'SHA, branch, place, iid, word: see the view sha_places',
    tenants Array(String) COMMENT 'The configured sources that told of the project, sorted'
)
ENGINE = ${replicated}ReplacingMergeTree(generation)
ORDER BY (instance, project_id)
SETTINGS index_granularity = 16;
