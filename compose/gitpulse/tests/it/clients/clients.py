"""Drives the embedded ClickHouse with the clients people use from Python, unchanged.

Usage: clients.py http://127.0.0.1:8123
Needs: clickhouse-connect with pandas and pyarrow, aiochclient, aiohttp, ibis. Prints one line per client; exits non-zero on the first failure.
"""

import asyncio
import datetime
import io
import json
import logging
import sys
import threading
import urllib.parse
import uuid

import aiochclient
import aiohttp
import clickhouse_connect
import ibis
import pyarrow.parquet
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

UTC = datetime.timezone.utc
COLUMNS = {
    "id": "UInt64",
    "name": "String",
    "kind": "LowCardinality(String)",
    "at": "DateTime64(3, 'UTC')",
    "labels": "Array(String)",
    "note": "Nullable(String)",
    "version": "Tuple(Int64, String)",
    "key": "UUID",
}


def rows(count, first=0):
    return [
        [
            number,
            f"row '{number}' \\ with\ttab and \"quotes\"\nand line",
            f"kind {number % 3}",
            datetime.datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC) + datetime.timedelta(seconds=number),
            ["a", f"b{number}", ""],
            None if number % 2 else f"note {number}",
            (number - 5, "vé"),
            uuid.UUID(int=number + 1),
        ]
        for number in range(first, first + count)
    ]


def same(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def check_connect(address, table, **options):
    client = clickhouse_connect.get_client(host=address.hostname, port=address.port, **options)
    try:
        assert client.ping(), "ping"
        columns = ", ".join(f"`{name}` {type_}" for name, type_ in COLUMNS.items())
        client.command(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY id")
        expected = rows(1000)
        summary = client.insert(table, expected, column_names=list(COLUMNS))
        same(summary.written_rows, 1000, "written rows")
        result = client.query(f"SELECT * FROM {table} ORDER BY id")
        same(result.column_names, tuple(COLUMNS), "column names")
        actual = [list(row) for row in result.result_rows]
        for row in actual:
            row[3] = row[3].replace(tzinfo=UTC) if row[3].tzinfo is None else row[3].astimezone(UTC)
        for got, wanted in zip(actual, expected, strict=True):
            same(got, wanted, "row")
        same(client.command(f"SELECT count() FROM {table}"), 1000, "count")
        result = client.query(
            f"SELECT id, name FROM {table} WHERE id = {{id:UInt64}} AND name LIKE {{like:String}}",
            parameters={"id": 7, "like": "row '7'%"},
        )
        same([row[0] for row in result.result_rows], [7], "server-side parameters")
        result = client.query(f"SELECT id FROM {table} WHERE id < %(id)s ORDER BY id", parameters={"id": 3})
        same([row[0] for row in result.result_rows], [0, 1, 2], "client-side parameters")
        same(client.query(f"SELECT id FROM {table} WHERE 0").result_rows, [], "no rows")
        same(client.query(f"SELECT id, name FROM {table} LIMIT 0").column_names, ("id", "name"), "columns only")
        limit = client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": 1234})
        same(str(limit.result_rows[0][0]), "1234", "a query's setting")
        after = client.query("SELECT getSetting('max_block_size')")
        assert str(after.result_rows[0][0]) != "1234", "a setting leaked into the next query"
        total = 0
        with client.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
            for block in blocks:
                total += len(block)
        same(total, 300000, "streamed rows")
        client.raw_insert(table, ["id", "name"], b"5000\traw\n", fmt="TabSeparated")
        same(client.raw_query(f"SELECT name FROM {table} WHERE id = 5000", fmt="TabSeparated"), b"raw\n", "raw")
        try:
            client.query("SELECT * FROM no_such_table")
        except DatabaseError as error:
            assert "Code: 60" in str(error) or "UNKNOWN_TABLE" in str(error), f"error text: {error}"
        else:
            raise AssertionError("a query of a missing table succeeded")
        try:
            with client.query_row_block_stream("SELECT throwIf(number = 1900000), number FROM numbers(2000000)") as blocks:
                for _ in blocks:
                    pass
        except DatabaseError as error:
            assert "throwIf" in str(error), f"error text within a stream: {error}"
        else:
            raise AssertionError("a stream that failed ended well")
        if client.params.get("session_id"):
            client.command("CREATE TEMPORARY TABLE seen (id UInt64)")
            client.command("INSERT INTO seen VALUES (42)")
            same(client.command("SELECT id FROM seen"), 42, "a temporary table of the session")
        client.command(f"DROP TABLE {table}")
    finally:
        client.close()


def check_large(address):
    """Formats that frame all rows, with more of them than fit into memory at once."""
    client = clickhouse_connect.get_client(host=address.hostname, port=address.port)
    try:
        # 150 MB.
        sql = "SELECT number, repeat(toString(number % 10), 1000) AS text FROM numbers(150000)"
        same(client.query_arrow(sql).num_rows, 150000, "rows of Arrow")
        same(len(client.query_df_arrow(sql)), 150000, "rows of a data frame")
        with client.query_arrow_stream(sql) as batches:
            same(sum(batch.num_rows for batch in batches), 150000, "rows of a stream of Arrow")
        parquet = client.raw_query(sql, fmt="Parquet")
        same(pyarrow.parquet.read_table(io.BytesIO(parquet)).num_rows, 150000, "rows of Parquet")
        same(json.loads(client.raw_query(sql, fmt="JSON"))["rows"], 150000, "rows of JSON")
    finally:
        client.close()


def check_external(address):
    client = clickhouse_connect.get_client(host=address.hostname, port=address.port)
    try:
        wanted = ExternalData(file_name="wanted.csv", data=b"1,a\n2,b\n", fmt="CSV", structure="id UInt64, name String")
        wanted.add_file(file_name="more.tsv", data=b"2\n3\n", types="UInt64")
        result = client.query("SELECT id, name FROM wanted WHERE id IN (SELECT _1 FROM more)", external_data=wanted)
        same(result.result_rows, [(2, "b")], "rows of external tables")
        try:
            client.query("SELECT * FROM wanted")
        except DatabaseError as error:
            assert "Code: 60" in str(error) or "UNKNOWN_TABLE" in str(error), f"error text: {error}"
        else:
            raise AssertionError("an external table outlived its query")
    finally:
        client.close()


def check_kill(address):
    client = clickhouse_connect.get_client(host=address.hostname, port=address.port, autogenerate_session_id=False)
    name, raised = f"slow-{uuid.uuid4()}", []

    def slow():
        own = clickhouse_connect.get_client(host=address.hostname, port=address.port, autogenerate_session_id=False)
        try:
            own.query(
                "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
                settings={"query_id": name},
            )
        except DatabaseError as error:
            raised.append(str(error))
        finally:
            own.close()

    thread = threading.Thread(target=slow)
    thread.start()
    while thread.is_alive():
        # One that comes before the statement runs finds nothing.
        client.command(f"KILL QUERY WHERE query_id = '{name}' SYNC")
        thread.join(0.05)
    client.close()
    assert raised and ("394" in raised[0] or "QUERY_WAS_CANCELLED" in raised[0]), f"how it ended: {raised}"


def check_ibis(address):
    connection = ibis.clickhouse.connect(host=address.hostname, port=address.port)
    table = ibis.memtable({"id": [1, 2, 3], "name": ["a", "b", "c"]})
    same(int(connection.execute(table.id.sum())), 6, "the sum of a table in memory")
    same(connection.to_pyarrow(table.filter(table.id > 1).name).to_pylist(), ["b", "c"], "what a filter leaves")
    connection.disconnect()


async def check_aiochclient(base, table):
    async with aiohttp.ClientSession() as session:
        client = aiochclient.ChClient(session, url=base)
        assert await client.is_alive(), "is_alive"
        columns = "id UInt64, name String, at DateTime, labels Array(String), note Nullable(String), key UUID"
        await client.execute(f"CREATE TABLE {table} ({columns}) ENGINE = MergeTree ORDER BY id")
        at = datetime.datetime(2026, 3, 4, 5, 6, 7)
        expected = [
            (number, f"row '{number}'\t\\", at, ["a", "b'"], None if number % 2 else "note", uuid.UUID(int=number))
            for number in range(500)
        ]
        await client.execute(f"INSERT INTO {table} VALUES", *expected)
        fetched = await client.fetch(f"SELECT * FROM {table} ORDER BY id")
        same([tuple(row.values()) for row in fetched], expected, "rows")
        same(await client.fetchval(f"SELECT count() FROM {table} WHERE id < {{limit}}", params={"limit": 10}), 10, "val")
        row = await client.fetchrow(f"SELECT id, note FROM {table} WHERE id = 2")
        same((row["id"], row["note"]), (2, "note"), "row")
        counted = 0
        async for _ in client.iterate("SELECT number FROM numbers(200000)"):
            counted += 1
        same(counted, 200000, "iterated rows")
        await client.execute(f"INSERT INTO {table} (id, name) FORMAT JSONEachRow", {"id": 9000, "name": "json"})
        same(await client.fetchval(f"SELECT name FROM {table} WHERE id = 9000"), "json", "json rows")
        try:
            await client.execute("SELEKT 1")
        except aiochclient.ChClientError as error:
            assert "Code: 62" in str(error), f"error text: {error}"
        else:
            raise AssertionError("a syntax error succeeded")
        await client.execute(f"DROP TABLE {table}")


def main():
    # One check makes a stream fail on purpose, which the client logs at length before it raises.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    base = sys.argv[1].rstrip("/") + "/"
    address = urllib.parse.urlsplit(base)
    unique = uuid.uuid4().hex[:8]
    checks = {
        "clickhouse-connect": lambda: check_connect(address, f"connect_{unique}"),
        "clickhouse-connect, no compression": lambda: check_connect(address, f"plain_{unique}", compress=False),
        "clickhouse-connect, gzip": lambda: check_connect(address, f"gzip_{unique}", compress="gzip"),
        "clickhouse-connect, zstd": lambda: check_connect(address, f"zstd_{unique}", compress="zstd"),
        "clickhouse-connect, large results": lambda: check_large(address),
        "clickhouse-connect, external data": lambda: check_external(address),
        "clickhouse-connect, KILL QUERY": lambda: check_kill(address),
        "ibis": lambda: check_ibis(address),
        "clickhouse-connect, no session": lambda: check_connect(
            address, f"nosession_{unique}", autogenerate_session_id=False
        ),
        "clickhouse-connect, forms": lambda: check_connect(
            address, f"forms_{unique}", form_encode_query_params=True
        ),
        "aiochclient": lambda: asyncio.run(check_aiochclient(base, f"aio_{unique}")),
    }
    for name, check in checks.items():
        try:
            check()
        except Exception as error:
            sys.exit(f"{name}: {type(error).__name__}: {error}")
        print(f"{name}: ok")


if __name__ == "__main__":
    main()
