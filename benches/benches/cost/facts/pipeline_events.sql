INSERT INTO pipeline_event_facts (instance, project_id, pipeline_id, status, as_of, tenants, origins, first_received_at)
SELECT '${instance}', project_id, id, thing.1, toDateTime64(thing.2, 3, 'UTC'), ['bench'], ['webhook'], toDateTime64(thing.2, 3, 'UTC')
FROM (${pipelines}) AS pipelines
ARRAY JOIN [('created', created), ('running', created + 5), (status, created + 1000)] AS thing;
