CREATE OR REPLACE VIEW ${database}.audit_log ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance that was asked',
    run_id String COMMENT 'One run of a command; runs sort by the time at which they began',
    number UInt64 COMMENT 'Number of the call within the run, from 1; a number that is missing was not written down',
    role LowCardinality(String) COMMENT 'Who asked: backfill, doctor, reconcile',
    tenant LowCardinality(String) COMMENT 'The configured source for which it was asked',
    called_at DateTime64(3, 'UTC') COMMENT 'When the call was made, by the clock of who made it',
    method LowCardinality(String) COMMENT 'GET, or POST for GraphQL, which only reads',
    path String COMMENT 'Path on the host of the instance, without the query',
    status Nullable(UInt16) COMMENT 'Status of the answer; NULL if there was none',
    outcome LowCardinality(String) COMMENT 'How it ended: ok, unreachable, stalled, unauthorized, forbidden, absent, limited, redirected, server, refused, unreadable, too_large, or aborted: nobody waited for it any more',
    duration_ms UInt64 COMMENT 'From sending the request to the last byte of its answer, in milliseconds',
    bytes UInt64 COMMENT 'Bytes of the body that were read',
    token LowCardinality(String) COMMENT 'Name of the token: the token, or, of several, token 2; never the token itself',
    budget_left UInt32 COMMENT 'Requests that this token might still have made right then'
)
${security}
AS SELECT instance, run_id, number, role, tenant, called_at, method, path, status, outcome, duration_ms, bytes, token, budget_left
FROM ${database}.audit_log_facts FINAL;
