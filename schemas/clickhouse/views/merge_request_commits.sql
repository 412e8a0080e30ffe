-- One row per commit of a merge request, from the list as it was last read. Commits removed by a force push are not in it.
CREATE OR REPLACE VIEW ${database}.merge_request_commits ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project of the merge request',
    merge_request_iid UInt64 COMMENT 'Number of the merge request within the project',
    sha String COMMENT 'Full SHA of the commit',
    position UInt64 COMMENT 'Place in the merge request, 1 for its oldest commit',
    title Nullable(String) COMMENT 'First line of the message',
    authored_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Author time, which a rebase does not change',
    committed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Commit time',
    author_name Nullable(String) COMMENT 'Author as recorded by git',
    author_email Nullable(String) COMMENT 'Author''s address; NULL if GitLab hides it',
    parents Array(String) COMMENT 'SHAs of its parents, two for a merge; empty if the list does not say',
    head_sha Nullable(String) COMMENT 'Newest commit of the source branch when the list was read; the list is outdated if merge_requests.head_sha differs',
    last_event_id UUID COMMENT 'The newest event about it, in events (receipt-derived: any one of several deliveries)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received the list (receipt-derived)'
)
${security}
AS SELECT
    instance, project_id, merge_request_iid,
    tupleElement(own, 1) AS sha,
    place AS position,
    tupleElement(own, 2) AS title,
    tupleElement(own, 3) AS authored_at,
    tupleElement(own, 4) AS committed_at,
    tupleElement(own, 5) AS author_name,
    tupleElement(own, 6) AS author_email,
    tupleElement(own, 7) AS parents,
    tupleElement(tupleElement(facts.listed, 4), 1) AS head_sha,
    tupleElement(facts.last_event_id, 4) AS last_event_id,
    arraySort(facts.tenants) AS tenants,
    arraySort(facts.origins) AS origins,
    facts.first_received_at AS first_received_at
FROM (SELECT * FROM ${database}.merge_request_commit_facts FINAL) AS facts
ARRAY JOIN tupleElement(tupleElement(facts.listed, 4), 2) AS own, arrayEnumerate(tupleElement(tupleElement(facts.listed, 4), 2)) AS place;
