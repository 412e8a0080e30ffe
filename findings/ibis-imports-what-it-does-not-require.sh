#!/usr/bin/env bash
# Versions: ibis-framework[clickhouse] 12.0.0 from PyPI, Python 3.11.
# Happens:  its backend for ClickHouse imports `packaging`, which neither ibis nor what it requires names as a dependency. In a fresh environment
#           ibis.clickhouse says that the backend is not installed and to install it, which changes nothing.
# Seen:     ModuleNotFoundError: No module named 'packaging'; after `pip install packaging` the backend is there.
# Matters:  whoever follows the message goes round in a circle; install packaging as well.
# Needs:    python3 with venv. Exit 0: still so. Exit 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip -q install 'ibis-framework[clickhouse]==12.0.0'
backend() { venv/bin/python -c 'import ibis.backends.clickhouse' 2>&1 | tail -1 || true; }
before=$(backend)
venv/bin/pip -q install packaging
after=$(backend)
echo "before: $before; after: ${after:-there}"
[[ $before == *"No module named 'packaging'"* && -z $after ]]
