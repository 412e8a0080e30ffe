-- An issue can become confidential later: then its earlier events are confidential as well.
CREATE OR REPLACE VIEW ${database}.events ${on_cluster}
(
    instance LowCardinality(String) COMMENT 'GitLab instance, as https://gitlab.example.com',
    project_id UInt64 COMMENT 'GitLab id of the project; 0 if there is none or the body does not say',
    kind LowCardinality(String) COMMENT 'What the event is about: push, merge_request, pipeline, ...; the topic it travelled on',
    id UUID COMMENT 'Event id: the same for a retry, a resend and a rerun of the same delivery',
    name LowCardinality(String) COMMENT 'GitLab''s own name: object_kind, else event_name',
    action LowCardinality(String) COMMENT 'Action, else status or state, from the body',
    project_path String COMMENT 'Path of the project when the event was sent; empty if the body does not say',
    subject String COMMENT 'The entity, as project/42/merge_request/7',
    origin LowCardinality(String) COMMENT 'webhook, api or hook_log',
    confidential Bool COMMENT 'Whether it is about something that is or was confidential in GitLab, or not known to be public: a confidential issue, an internal note',
    tenant LowCardinality(String) COMMENT 'The tenant that verified the delivery',
    delivery_id String COMMENT 'GitLab''s id of the delivery; empty before GitLab 17.4',
    received_at DateTime64(3, 'UTC') COMMENT 'When GitPulse first received it. GitLab does not send a time of sending',
    payload String COMMENT 'What GitLab sent, as JSON, with secrets redacted: JSONExtract... reads it',
    is_sample Bool COMMENT 'Whether GitLab invented it for the Test button of a hook: then no other table has it; false for events stored before GitPulse detected this'
)
${security}
AS SELECT
    instance, project_id, kind, id, name, action, project_path, subject, origin,
    facts.confidential
        OR facts.kind = 'issue' AND (instance, project_id, toUInt64OrZero(substringIndex(subject, '/', -1))) IN
            (SELECT instance, project_id, id FROM ${database}.issue_facts FINAL WHERE tupleElement(issue_facts.confidential, 4))
        OR facts.kind = 'note' AND (instance, project_id, toUInt64OrZero(substringIndex(subject, '/', -1))) IN
            (SELECT instance, project_id, id FROM ${database}.notes WHERE notes.confidential AND notes.noteable_type IN ('Issue', 'WorkItem'))
        OR facts.kind = 'emoji' AND (instance, project_id, toUInt64OrZero(substringIndex(subject, '/', -1))) IN
            (SELECT instance, project_id, emoji_events.id FROM ${database}.emoji_events WHERE emoji_events.confidential) AS confidential,
    tenant, delivery_id, received_at, payload, is_sample
FROM ${database}.event_facts AS facts FINAL;
