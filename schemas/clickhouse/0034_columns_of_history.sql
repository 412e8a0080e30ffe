-- What the API alone tells. The lowest version by default: a processor of the version before, which does not know the columns, says nothing of them.
ALTER TABLE ${database}.merge_request_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS additions SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER first_contribution,
    ADD COLUMN IF NOT EXISTS deletions SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER additions,
    ADD COLUMN IF NOT EXISTS changed_files SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER deletions,
    ADD COLUMN IF NOT EXISTS commit_count SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER changed_files;
ALTER TABLE ${database}.pipeline_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS parent_project_id SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(UInt64)))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER parent_pipeline_id;
-- Of a push of more refs at once than GitLab lists. Its row has the folder of the refs as ref, what was done to them as before, and GitLab's id of the
-- event as after, which the view does not show.
ALTER TABLE ${database}.push_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS ref_count SimpleAggregateFunction(max, Nullable(UInt64)) AFTER commits_listed;
