-- confidential comes from the event's own body, or from the current state of the thing that the emoji is on: an issue, a comment, or a comment on
-- an issue. Anything not known to be public is confidential.
CREATE OR REPLACE VIEW ${database}.emoji_events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if there is none',
    id UInt64 COMMENT 'GitLab id of the award',
    event_type LowCardinality(String) COMMENT 'award or revoke',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it was awarded; for a revocation, when GitPulse first received it (receipt-derived), unless GitLab changed updated_at',
    project_path Nullable(String) COMMENT 'Path of the project as last reported; projects.path has the current one; webhooks alone say it',
    name Nullable(String) COMMENT 'Name of the emoji, as thumbsup',
    awardable_type Nullable(String) COMMENT 'What it is on: Issue (any work item), MergeRequest, Note, Snippet or WikiPage::Meta',
    awardable_id Nullable(UInt64) COMMENT 'GitLab id of the thing that it is on',
    awardable_iid Nullable(UInt64) COMMENT 'Number of the issue or merge request that it is on; webhooks alone say so',
    noteable_type Nullable(String) COMMENT 'For an emoji on a comment: what the comment is on, Issue, MergeRequest, Snippet or Commit; webhooks alone say so',
    noteable_id Nullable(UInt64) COMMENT 'For an emoji on a comment: GitLab id of the thing that the comment is on; NULL for a commit',
    noteable_iid Nullable(UInt64) COMMENT 'For an emoji on a comment: number of the issue or merge request',
    awarded_on_url Nullable(String) COMMENT 'Page of the thing that it is on; webhooks alone say so',
    user_id Nullable(UInt64) COMMENT 'Who awarded it',
    user_username Nullable(String) COMMENT 'User name of who awarded it',
    confidential Bool COMMENT 'Whether only members of the project may see it: it is on a confidential issue or comment, on a comment on such an issue, or on something not known to be public',
    first_received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it (receipt-derived)',
    tenants Array(String) COMMENT 'The tenants that reported it, sorted',
    origins Array(String) COMMENT 'How it was reported, sorted: webhook, api, hook_log'
)
${security}
AS
WITH
    issue AS (SELECT instance, project_id, id, confidential FROM ${database}.issues),
    note AS (SELECT instance, project_id, id, confidential FROM ${database}.notes)
SELECT
    instance, project_id, id, event_type,
    ifNull(tupleElement(facts.occurred_at, 4), facts.first_received_at) AS occurred_at,
    project_path, name, awardable_type, awardable_id, awardable_iid, noteable_type, noteable_id, noteable_iid,
    awarded_on_url, user_id, user_username,
    ifNull(facts.confidential, false)
        OR ifNull(awardable_type IN ('Issue', 'WorkItem'), false)
            AND ((instance, project_id, ifNull(awardable_id, 0), true) IN issue
                OR isNull(facts.confidential) AND (instance, project_id, ifNull(awardable_id, 0), false) NOT IN issue)
        OR ifNull(awardable_type = 'Epic', false) AND isNull(facts.confidential)
        OR ifNull(noteable_type IN ('Issue', 'WorkItem'), false) AND (instance, project_id, ifNull(noteable_id, 0), true) IN issue
        OR ifNull(awardable_type = 'Note', false)
            AND ((instance, project_id, ifNull(awardable_id, 0), true) IN note
                OR isNull(facts.confidential) AND (instance, project_id, ifNull(awardable_id, 0), false) NOT IN note) AS confidential,
    first_received_at,
    arraySort(tenants) AS tenants, arraySort(origins) AS origins
FROM ${database}.emoji_event_facts AS facts FINAL;
