-- Which events are samples of a hook's Test button.
ALTER TABLE ${database}.event_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS is_sample Bool DEFAULT false AFTER payload;
-- Whoever changed a page is the actor of whichever delivery came first: a test of the hook tells of the newest change once more, as done by whoever clicked.
ALTER TABLE ${database}.wiki_page_event_facts ${on_cluster}
    ADD COLUMN IF NOT EXISTS first_actor SimpleAggregateFunction(max, Tuple(Int64, UInt8, UInt16, Tuple(Nullable(UInt64), Nullable(String))))
        DEFAULT (toInt64('-9223372036854775808'), 0, 0, (NULL, NULL)) AFTER actor_username;
