#!/usr/bin/env bash
# Versions: chdb 4.4.0 from PyPI (the ClickHouse engine that it says below).
# Happens:  a minmax index over an expression, in an AggregatingMergeTree whose column keeps the greatest tuple. One INSERT has two rows of one key; they
#           are merged as they are inserted (optimize_on_insert, the default). The column keeps the greater tuple, while the index holds the expression of
#           the first row. A condition on the expression then skips the part, with and without FINAL, until a later merge writes the index anew.
# Seen:     2 rows by the table, 0 with the condition, 2 with use_skip_indexes = 0, 2 after OPTIMIZE; with optimize_on_insert = 0 at once 2.
# Matters:  rows are missing from answers, silently, and only from young parts: counts change by themselves when a merge comes.
# Needs:    python3 with venv. Exit 0: still so. Exit 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip -q install 'chdb==4.4.0'
venv/bin/python - <<'PYTHON'
import sys
from chdb import session

engine = session.Session()
ask = lambda sql: engine.query(sql, "TSV").bytes().decode().strip()
print("ClickHouse", ask("SELECT version()"))
engine.query("CREATE DATABASE d")
table = """CREATE TABLE d.{} (id UInt64, seen SimpleAggregateFunction(max, Tuple(UInt64, Nullable(DateTime('UTC')))),
    INDEX at tupleElement(seen, 2) TYPE minmax GRANULARITY 1) ENGINE = AggregatingMergeTree ORDER BY id"""
rows = "(1, (1, NULL)), (1, (2, '2026-03-02 10:00:00')), (2, (1, NULL)), (2, (2, '2026-03-02 11:00:00'))"
found = "SELECT count() FROM d.{} FINAL WHERE tupleElement(seen, 2) > '2026-01-01'"
for name, setting in [("merged", 1), ("unmerged", 0)]:
    engine.query(table.format(name))
    engine.query(f"INSERT INTO d.{name} SETTINGS optimize_on_insert = {setting} VALUES {rows}")
seen = {
    "rows": ask("SELECT count() FROM d.merged FINAL"),
    "found": ask(found.format("merged")),
    "found without the index": ask(found.format("merged") + " SETTINGS use_skip_indexes = 0"),
    "found where nothing was merged on insert": ask(found.format("unmerged")),
}
engine.query("OPTIMIZE TABLE d.merged FINAL")
seen["found after a merge"] = ask(found.format("merged"))
print(seen)
sys.exit(0 if list(seen.values()) == ["2", "0", "2", "2", "2"] else 1)
PYTHON
