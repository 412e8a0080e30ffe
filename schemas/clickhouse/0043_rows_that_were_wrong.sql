-- Which events are samples of a hook's Test button.
ALTER TABLE ${database}.event_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS is_sample Bool DEFAULT false AFTER payload;
-- Whoever changed a page is the actor of whichever delivery came first: a test of the hook tells of the newest change once more, as done by whoever clicked.
ALTER TABLE ${database}.wiki_page_event_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS first_actor SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Tuple(Nullable(UInt64), Nullable(String))))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, (NULL, NULL)) AFTER actor_username;
-- What an emoji's own body says of what it stands on.
ALTER TABLE ${database}.emoji_event_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS confidential SimpleAggregateFunction(max, Nullable(Bool)) AFTER user_username;
-- The project whose number a pipeline's merge request has: a pipeline of a fork runs for a merge request of another project.
ALTER TABLE ${database}.pipeline_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS merge_request_project_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER merge_request_iid;
-- One row per renaming of a group or a user, whose path begins that of whatever is below it. GitLab tells nothing of what is below.
CREATE TABLE IF NOT EXISTS ${database}.namespace_rename_facts ${on_cluster}
(
    instance LowCardinality(String),
    second Int64 COMMENT 'When it was renamed, in seconds since 1970',
    old_path String COMMENT 'Full path before',
    new_path String COMMENT 'Full path after',
    first_received_at SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${replicated}AggregatingMergeTree
ORDER BY (instance, second, old_path, new_path);
-- Columns that were in events.payload alone.
ALTER TABLE ${database}.merge_request_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS reviewer_states SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(Tuple(UInt64, String, Bool))))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, []) AFTER reviewer_ids,
    ADD COLUMN IF NOT EXISTS approval_rules SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Array(Tuple(String, UInt64))))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, []) AFTER reviewer_states;
ALTER TABLE ${database}.pipeline_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS committed_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC'))))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER before_sha,
    ADD COLUMN IF NOT EXISTS detailed_status SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER status,
    ADD COLUMN IF NOT EXISTS parent_job_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER parent_project_id;
ALTER TABLE ${database}.job_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS runner_is_shared SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(Bool)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER runner_type,
    ADD COLUMN IF NOT EXISTS artifacts_bytes SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER coverage;
ALTER TABLE ${database}.note_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS position_path SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER body,
    ADD COLUMN IF NOT EXISTS position_line SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER position_path;
ALTER TABLE ${database}.release_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS description SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(String)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER name;
ALTER TABLE ${database}.push_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS push_options SimpleAggregateFunction(groupUniqArrayArray, Array(String)) AFTER ref_count;
