// Drives the embedded ClickHouse with ClickHouse's client for Node, unchanged.
//
// Usage: node clients.mjs http://127.0.0.1:8123
// Needs: @clickhouse/client. Prints one line; exits non-zero on the first failure.
import assert from "node:assert/strict";
import { createClient } from "@clickhouse/client";

const url = process.argv[2];

async function check(table, compression) {
  const client = createClient({ url, compression, clickhouse_settings: { async_insert: 0 } });
  const { success } = await client.ping();
  assert(success, "ping");
  await client.command({ query: `CREATE TABLE ${table} (id UInt64, name String, labels Map(String, String)) ENGINE = MergeTree ORDER BY id` });
  const rows = Array.from({ length: 3000 }, (_, id) => ({ id, name: `n'${id}\t`, labels: { team: "a" } }));
  const { summary } = await client.insert({ table, values: rows, format: "JSONEachRow" });
  assert.equal(summary?.written_rows, "3000");
  const found = await client.query({ query: `SELECT * FROM ${table} WHERE id < {limit:UInt64} ORDER BY id`, query_params: { limit: 3000 }, format: "JSONEachRow" });
  assert.deepEqual(await found.json(), rows);
  const whole = await client.query({ query: "SELECT number, repeat(toString(number % 10), 1000) AS text FROM numbers(50000)", format: "JSON" });
  const { rows: count, data, statistics } = await whole.json();
  assert.equal(count, 50000);
  assert.equal(data.length, 50000);
  assert.equal(statistics.rows_read, 50000);
  let streamed = 0;
  const stream = await client.query({ query: "SELECT number FROM numbers(300000)", format: "JSONCompactEachRow" });
  for await (const chunk of stream.stream()) streamed += chunk.length;
  assert.equal(streamed, 300000);
  const totals = await client.query({ query: `SELECT id % 2 AS odd, count() AS n FROM ${table} GROUP BY odd WITH TOTALS ORDER BY odd`, format: "JSON" });
  assert.deepEqual((await totals.json()).totals, { odd: 0, n: 3000 });
  await assert.rejects(client.query({ query: "SELECT * FROM no_such_table" }), { code: "60" });
  const session = createClient({ url, session_id: `session_${table}`, compression });
  await session.command({ query: "CREATE TEMPORARY TABLE seen (id UInt64)" });
  await session.insert({ table: "seen", values: [{ id: 42 }], format: "JSONEachRow" });
  assert.deepEqual(await (await session.query({ query: "SELECT id FROM seen", format: "JSONCompactEachRow" })).json(), [[42]]);
  await session.close();
  await client.command({ query: `DROP TABLE ${table}` });
  await client.close();
}

await check("node_plain", { request: false, response: false });
await check("node_gzip", { request: true, response: true });
console.log("@clickhouse/client: ok");
