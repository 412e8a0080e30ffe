-- The spans in which a merge request was open: from its opening or a reopening until it was closed, merged or deleted. What was open at a time T,
-- and for how long, is computed from these and not stored per day: opened_at <= T AND (ended_at IS NULL OR ended_at > T).
CREATE OR REPLACE VIEW ${database}.merge_request_open_spans ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance',
    project_id UInt64 COMMENT 'GitLab id of the target project',
    iid UInt64 COMMENT 'Number of the merge request within the project',
    author_id Nullable(UInt64) COMMENT 'Who opened it',
    opened_at DateTime('UTC') COMMENT 'When the span began: the opening, or a reopening',
    ended_at Nullable(DateTime('UTC')) COMMENT 'When it was closed or merged, or found deleted; NULL while it is open',
    is_first Bool COMMENT 'Whether this span began with its opening'
)
${security}
AS
WITH
requests AS
(
    SELECT
        instance, project_id, iid, author_id, toUInt32(toUnixTimestamp(assumeNotNull(created_at))) AS opened,
        toUInt32(toUnixTimestamp(ifNull(if(ifNull(state = 'opened', false), deleted_at, if(merged_at IS NULL, closed_at, merged_at)), toDateTime64(0, 3, 'UTC')))) AS ended
    FROM ${database}.merge_requests
    WHERE created_at IS NOT NULL
),
-- Each as (second, whether it was closed).
told AS
(
    SELECT instance, project_id, merge_request_iid AS iid, arraySort(groupUniqArray((toUInt32(at), action = 'closed'))) AS states
    FROM ${database}.merge_request_timeline
    WHERE action IN ('opened', 'closed', 'reopened')
    GROUP BY instance, project_id, merge_request_iid
),
turned AS
(
    SELECT
        instance, project_id, iid, author_id,
        arrayFilter(turn -> ended = 0 OR turn.1 <= ended, states) AS until_end,
        arrayFilter((turn, before) -> turn.2 != before, until_end, arrayPopBack(arrayPushFront(until_end.2, 0))) AS turns,
        arrayPushFront(arrayFilter(turn -> NOT turn.2, turns).1, opened) AS begun,
        arrayFilter(turn -> turn.2, turns).1 AS closings,
        if(length(closings) < length(begun), arrayPushBack(closings, ended), closings) AS ends
    FROM requests
    LEFT ANY JOIN told USING (instance, project_id, iid)
)
SELECT
    instance, project_id, iid, author_id, toDateTime(span.1, 'UTC') AS opened_at, toDateTime(nullIf(span.2, 0), 'UTC') AS ended_at, toBool(number = 1) AS is_first
FROM turned
ARRAY JOIN arrayZip(begun, ends) AS span, arrayEnumerate(begun) AS number;
