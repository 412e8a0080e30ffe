-- Issues, including incidents and tasks, as they are now: how long each took, and whether it counts as opened and as closed.
--
-- An issue that was moved to another project counts neither as opened nor as closed here. The issue in the other project counts, with the age of
-- the original.
CREATE OR REPLACE VIEW ${database}.issue_metrics ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 for an issue of a group, such as an epic',
    issue_id UInt64 COMMENT 'GitLab id of the issue',
    iid Nullable(UInt64) COMMENT 'Number within the project',
    type LowCardinality(String) COMMENT 'issue, incident, task, ..., as it is now; issue if unknown',
    author_id Nullable(UInt64) COMMENT 'Who opened it',
    created_at Nullable(DateTime('UTC')) COMMENT 'When it was opened; for an issue that was moved here, when the original was',
    closed_at Nullable(DateTime('UTC')) COMMENT 'When it was last closed; it counts on this day; NULL while it is open',
    reopenings UInt64 COMMENT 'How often it was reopened',
    is_moved Bool COMMENT 'Whether it was moved to another project',
    counts_opened Bool COMMENT 'Whether it counts as opened: true unless it was moved away',
    counts_closed Bool COMMENT 'Whether it counts as closed: true if it is closed and was not moved away',
    lead_time_seconds Nullable(Int64) COMMENT 'From created_at to closed_at, if it counts as closed',
    confidential Bool COMMENT 'Whether only members of the project may see it'
)
${security}
AS
WITH
    -- Never negative, and NULL if one of the times is unknown (which `greatest` would ignore).
    (later, earlier) -> if(later < earlier, 0, later - earlier) AS passed,
told AS
(
    SELECT instance, project_id, issue_id, count() AS times
    FROM ${database}.issue_events
    WHERE action = 'reopened'
    GROUP BY instance, project_id, issue_id
)
SELECT
    issues.instance AS instance, issues.project_id AS project_id, issues.id AS issue_id, iid, ifNull(issues.type, 'issue') AS type, author_id,
    toDateTime(issues.created_at, 'UTC') AS created_at, if(ifNull(state = 'closed', false), toDateTime(issues.closed_at, 'UTC'), NULL) AS closed_at,
    told.times AS reopenings, toBool(moved_to_id IS NOT NULL) AS is_moved, toBool(NOT is_moved) AS counts_opened,
    toBool(NOT is_moved AND ifNull(state = 'closed', false)) AS counts_closed,
    if(counts_closed, passed(toInt64(toUnixTimestamp(closed_at)), toInt64(toUnixTimestamp(created_at))), NULL) AS lead_time_seconds,
    issues.confidential AS confidential
FROM ${database}.issues AS issues
LEFT ANY JOIN told ON told.instance = issues.instance AND told.project_id = issues.project_id AND told.issue_id = issues.id;
