CREATE OR REPLACE VIEW ${database}.audit_log ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance that was called',
    run_id String COMMENT 'Id of the run of a command; runs sort by start time',
    number UInt64 COMMENT 'Number of the call within the run, from 1; a missing number was not recorded',
    role LowCardinality(String) COMMENT 'The caller: backfill, doctor, reconcile',
    tenant LowCardinality(String) COMMENT 'The tenant for which the call was made',
    called_at DateTime64(3, 'UTC') COMMENT 'When the call was made, by the caller''s clock',
    method LowCardinality(String) COMMENT 'GET, or POST for GraphQL, which is only used to read',
    path String COMMENT 'Path on the host of the instance, without the query',
    status Nullable(UInt16) COMMENT 'Status of the response; NULL if there was none',
    outcome LowCardinality(String) COMMENT 'How it ended: ok, unreachable, stalled, unauthorized, forbidden, absent, limited, redirected, server, refused, unreadable, too_large, or aborted (the caller gave up)',
    duration_ms UInt64 COMMENT 'From sending the request to the last byte of the response, in milliseconds',
    bytes UInt64 COMMENT 'Bytes read of the response body',
    token LowCardinality(String) COMMENT 'Name of the token: the token, or, of several, token 2; never the token itself',
    budget_left UInt32 COMMENT 'Requests that the rate limit still allowed this token at that moment'
)
${security}
AS SELECT instance, run_id, number, role, tenant, called_at, method, path, status, outcome, duration_ms, bytes, token, budget_left
FROM ${database}.audit_log_facts FINAL;
