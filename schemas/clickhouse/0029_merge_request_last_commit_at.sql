-- The lowest version by default: a processor of the version before, which does not know the column, says nothing of it.
ALTER TABLE ${database}.merge_request_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS last_commit_at SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Nullable(DateTime64(3, 'UTC'))))
    DEFAULT (toInt64('-9223372036854775808'), 0, 0, NULL) AFTER head_sha;
