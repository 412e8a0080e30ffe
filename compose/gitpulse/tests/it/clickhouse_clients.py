"""Drives the embedded ClickHouse with the clients people use from Python, unchanged.

Usage: clickhouse_clients.py http://127.0.0.1:8123
Needs: clickhouse-connect, aiochclient, aiohttp. Prints one line per client; exits non-zero on the first failure.
"""

import asyncio
import datetime
import logging
import sys
import urllib.parse
import uuid

import aiochclient
import aiohttp
import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

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
