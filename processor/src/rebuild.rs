//! Builds tables anew. In: `events`, and today's decoder. Out: tables beside the live ones, what differs, and then tables swapped. Merging by
//! maximum cannot take a wrong value back; this can. Live traffic flows meanwhile, and loses nothing:
//!
//! 1. Tables are made beside the live ones and filled from `events`.
//! 2. Each is exchanged with its live one. Then a row in `rebuilds` says so.
//! 3. What was stored since the beginning is read from `events` once more, into the tables that are live now.
//!
//! A batch that is inserted meanwhile may have put its rows into the old tables. The processor looks at `rebuilds` after each batch. If it
//! finds the row of step 2, it stores the batch again. If it does not, the batch's events were stored before that row was, so that step 3 reads
//! them. A rebuild that was killed before step 2 leaves nothing but tables nobody reads; one that was killed after it is finished by the next.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::DateTime;
use clickhouse::{Client, Row};
use fail::fail_point;
use schemas::{Envelope, EventKind, Origin, Payload};
use serde::Deserialize;
use uuid::Uuid;

use crate::decode::decode_envelope;
use crate::insert::{Destination, InsertError, Store};
use crate::metrics::Metrics;
use crate::rows::{Rows, TABLES, rows_for};

/// Events and bytes at which rows are inserted.
const BATCH_EVENTS: usize = 20_000;
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// How long before the beginning an insert may have been begun that was not visible yet, clocks of replicas included.
const MARGIN_MS: i64 = 15 * 60 * 1000;
/// Ending of the tables beside the live ones; the id follows.
const ENDING: &str = "__rebuild_";

/// Why tables could not be built anew. The live ones are as they were, or, after the swap, `gitpulse rebuild` goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// ClickHouse refused or is not there.
    #[error("ClickHouse refused the rebuild while it {doing}")]
    ClickHouse {
        /// The step.
        doing: &'static str,
        /// What it said.
        #[source]
        source: clickhouse::error::Error,
    },
    /// Rows could not be stored.
    #[error(transparent)]
    Insert(#[from] InsertError),
}

/// How often tables were swapped so far.
pub async fn swaps(client: &Client) -> Result<u64, InsertError> {
    let query = "SELECT count() FROM rebuilds WHERE step = 'swapped'";
    client.query(query).fetch_one().await.map_err(|source| InsertError { table: "rebuilds", source })
}

/// A rebuild under way.
pub struct Rebuild {
    client: Client,
    id: Uuid,
    tables: Vec<&'static str>,
    began_at: i64,
    on_cluster: String,
    insert_timeout: Duration,
    metrics: Metrics,
}

/// What a rebuild changes in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The storage table.
    pub table: &'static str,
    /// Rows as they are.
    pub before: u64,
    /// Rows as they will be.
    pub after: u64,
    /// Rows that will be gone.
    pub removed: u64,
    /// Rows that will be new.
    pub added: u64,
    /// Rows that will have other values.
    pub changed: u64,
    /// The columns that will have other values, and in how many rows.
    pub columns: Vec<(String, u64)>,
}

/// One event as it is stored.
#[derive(Row, Deserialize)]
struct StoredEvent {
    instance: String,
    kind: String,
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    subject: String,
    origin: String,
    tenant: String,
    delivery_id: String,
    received_at: i64,
    payload: String,
}

#[derive(Row, Deserialize)]
struct Interrupted {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    tables: Vec<String>,
    began_at: i64,
}

#[derive(Row, Deserialize)]
struct Compared {
    before: u64,
    after: u64,
    removed: u64,
    added: u64,
    changed: u64,
    columns: Vec<u64>,
}

/// Which events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    StoredSinceTheBeginning,
}

impl Rebuild {
    /// Makes empty tables beside the live ones; those of a rebuild that was killed before its swap are dropped. `on_cluster` is empty or
    /// `ON CLUSTER name`.
    pub async fn begin(
        client: Client,
        tables: Vec<&'static str>,
        on_cluster: String,
        insert_timeout: Duration,
        metrics: Metrics,
    ) -> Result<Rebuild, RebuildError> {
        let failed = |source| RebuildError::ClickHouse { doing: "asked the time", source };
        let now: i64 =
            client.query("SELECT toUnixTimestamp64Milli(now64(3))").fetch_one().await.map_err(failed)?;
        let rebuild = Rebuild {
            client,
            id: Uuid::new_v4(),
            tables,
            began_at: now - MARGIN_MS,
            on_cluster,
            insert_timeout,
            metrics,
        };
        rebuild.drop_leftovers().await?;
        for table in &rebuild.tables {
            let beside = format!("`{table}{}`", rebuild.ending());
            let statement = format!("CREATE TABLE {beside} {} AS `{table}`", rebuild.on_cluster);
            rebuild.execute("made tables", &statement).await?;
        }
        rebuild.note("started").await?;
        Ok(rebuild)
    }

    /// A rebuild that swapped its tables and was killed before it had finished.
    pub async fn interrupted(
        client: Client,
        on_cluster: String,
        insert_timeout: Duration,
        metrics: Metrics,
    ) -> Result<Option<Rebuild>, RebuildError> {
        let query = "SELECT id, any(tables) AS tables, toUnixTimestamp64Milli(any(began_at)) AS began_at FROM rebuilds GROUP BY id \
                     HAVING countIf(step = 'swapped') > 0 AND countIf(step = 'finished') = 0 ORDER BY max(at) LIMIT 1";
        let found: Option<Interrupted> = client
            .query(query)
            .fetch_optional()
            .await
            .map_err(|source| RebuildError::ClickHouse { doing: "looked for an interrupted one", source })?;
        let Some(Interrupted { id, tables, began_at }) = found else { return Ok(None) };
        let known = TABLES.iter().flat_map(|(_, tables)| tables.iter().copied());
        let tables = known.filter(|known| tables.iter().any(|table| table == known));
        let tables = Vec::from_iter(tables.collect::<BTreeSet<_>>());
        Ok(Some(Rebuild { client, id, tables, began_at, on_cluster, insert_timeout, metrics }))
    }

    /// How many events will be read.
    pub async fn events(&self) -> Result<u64, RebuildError> {
        let counted = self.client.query("SELECT count() FROM event_facts").fetch_one().await;
        counted.map_err(|source| RebuildError::ClickHouse { doing: "counted events", source })
    }

    /// Fills the tables beside the live ones from all events. `progress` hears how many were read so far.
    pub async fn fill(&self, progress: impl FnMut(u64)) -> Result<(), RebuildError> {
        self.read(Destination::Beside(&self.tables, &self.ending()), Which::All, progress).await
    }

    /// What the new tables hold that the live ones do not, and the other way round. Who told of a row, and when GitPulse heard of it, are
    /// not compared, nor are versions: only what analysts see.
    pub async fn differences(&self) -> Result<Vec<Difference>, RebuildError> {
        let mut differences = Vec::new();
        for table in &self.tables {
            differences.push(self.difference(table).await?);
        }
        Ok(differences)
    }

    /// Puts the new tables in the place of the live ones.
    pub async fn swap(&self) -> Result<(), RebuildError> {
        for table in &self.tables {
            let statement =
                format!("EXCHANGE TABLES `{table}` AND `{table}{}` {}", self.ending(), self.on_cluster);
            self.execute("swapped tables", &statement).await?;
        }
        self.note("swapped").await?;
        fail_point!("rebuild::after_swap", |_| std::process::abort());
        Ok(())
    }

    /// Adds what was stored meanwhile, and drops the old tables.
    pub async fn finish(&self, progress: impl FnMut(u64)) -> Result<(), RebuildError> {
        self.read(Destination::Some(&self.tables), Which::StoredSinceTheBeginning, progress).await?;
        self.note("finished").await?;
        self.drop_leftovers().await
    }

    /// Drops the new tables instead of swapping them.
    pub async fn discard(&self) -> Result<(), RebuildError> {
        self.drop_leftovers().await
    }

    fn ending(&self) -> String {
        format!("{ENDING}{}", self.id.simple())
    }

    async fn execute(&self, doing: &'static str, statement: &str) -> Result<(), RebuildError> {
        let executed = self.client.query_raw(statement).execute().await;
        executed.map_err(|source| RebuildError::ClickHouse { doing, source })
    }

    async fn note(&self, step: &'static str) -> Result<(), RebuildError> {
        let statement = "INSERT INTO rebuilds (id, step, tables, began_at) SELECT toUUID(?), ?, ?, fromUnixTimestamp64Milli(?, 'UTC')";
        let query = self.client.query(statement);
        let query = query.bind(self.id.to_string()).bind(step).bind(&self.tables).bind(self.began_at);
        query.execute().await.map_err(|source| RebuildError::ClickHouse { doing: "noted its step", source })
    }

    async fn drop_leftovers(&self) -> Result<(), RebuildError> {
        let query = format!(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND position(name, '{ENDING}') > 0"
        );
        let names: Vec<String> = self
            .client
            .query(&query)
            .fetch_all()
            .await
            .map_err(|source| RebuildError::ClickHouse { doing: "looked for old tables", source })?;
        for name in names {
            let statement = format!("DROP TABLE IF EXISTS `{name}` {} SYNC", self.on_cluster);
            self.execute("dropped old tables", &statement).await?;
        }
        Ok(())
    }

    async fn read(
        &self,
        destination: Destination<'_>,
        which: Which,
        mut progress: impl FnMut(u64),
    ) -> Result<(), RebuildError> {
        let failed = |source| RebuildError::ClickHouse { doing: "read events", source };
        let since = match which {
            Which::All => String::new(),
            Which::StoredSinceTheBeginning => {
                format!(" WHERE inserted_at >= fromUnixTimestamp64Milli({}, 'UTC')", self.began_at)
            }
        };
        // Repetitions are read as well: they change nothing, and FINAL would cost more.
        let query = format!("SELECT ?fields FROM event_facts{since}");
        // Events are to come as they are read, not once all of them are.
        let streaming = self.client.clone().with_setting("wait_end_of_query", "0");
        let mut events = streaming.query(&query).fetch::<StoredEvent>().map_err(failed)?;
        let store =
            Store { client: &self.client, destination, timeout: self.insert_timeout, metrics: &self.metrics };
        let (mut rows, mut read, mut open, mut bytes) = (Rows::default(), 0, 0, 0);
        while let Some(event) = events.next().await.map_err(failed)? {
            read += 1;
            open += 1;
            bytes += event.payload.len();
            // What today's decoder cannot read is dead-lettered already, or will be.
            if let Some(Ok(event)) = envelope(event).map(decode_envelope) {
                rows.append(rows_for(event));
                rows.events.clear();
            }
            if open >= BATCH_EVENTS || bytes >= BATCH_BYTES {
                store.insert(&std::mem::take(&mut rows)).await?;
                (open, bytes) = (0, 0);
                progress(read);
            }
        }
        store.insert(&rows).await?;
        progress(read);
        Ok(())
    }

    async fn difference(&self, table: &'static str) -> Result<Difference, RebuildError> {
        let failed = |source| RebuildError::ClickHouse { doing: "compared tables", source };
        let columns = "SELECT name, type, is_in_sorting_key FROM system.columns \
                       WHERE database = currentDatabase() AND table = ? ORDER BY position";
        let columns: Vec<(String, String, u8)> =
            self.client.query(columns).bind(table).fetch_all().await.map_err(failed)?;
        let mut keys = Vec::new();
        let mut values: Vec<(&str, String)> = Vec::new();
        for (name, kind, is_key) in &columns {
            let compared = !RECEIPT.contains(&name.as_str());
            match (*is_key == 1, kind.contains("Tuple(Int64, UInt8, UInt16,")) {
                (true, _) => keys.push(format!("`{name}`")),
                (false, true) if compared => values.push((name, format!("tupleElement(facts.`{name}`, 4)"))),
                (false, false) if compared => values.push((name, format!("facts.`{name}`"))),
                (false, _) => (),
            }
        }
        let keys = keys.join(", ");
        let hashes: String = (values.iter().enumerate())
            .map(|(number, (_, value))| format!(", cityHash64(tuple({value})) AS c{number}"))
            .collect();
        let side = |number: u8, ending: &str| {
            format!("SELECT {number} AS side, {keys}{hashes} FROM `{table}{ending}` AS facts FINAL")
        };
        let differs: Vec<String> = (0..values.len())
            .map(|number| format!("min(c{number}) != max(c{number}) AS d{number}"))
            .collect();
        let both = "is_old AND is_new";
        let any: Vec<String> = (0..values.len()).map(|number| format!("d{number}")).collect();
        let changed = if any.is_empty() { "false".to_owned() } else { any.join(" OR ") };
        let counts: Vec<String> = any.iter().map(|flag| format!("countIf({both} AND {flag})")).collect();
        let flags: String = differs.iter().map(|differs| format!(", {differs}")).collect();
        let query = format!(
            "SELECT countIf(is_old) AS before, countIf(is_new) AS after, countIf(is_old AND NOT is_new) AS removed, \
             countIf(is_new AND NOT is_old) AS added, countIf({both} AND ({changed})) AS changed, [{}]::Array(UInt64) AS columns \
             FROM (SELECT max(side = 0) AS is_old, max(side = 1) AS is_new{flags} \
             FROM ({} UNION ALL {}) GROUP BY {keys})",
            counts.join(", "),
            side(0, ""),
            side(1, &self.ending()),
        );
        let Compared { before, after, removed, added, changed, columns } =
            self.client.query(&query).fetch_one().await.map_err(failed)?;
        let columns = values.iter().map(|(name, _)| (*name).to_owned()).zip(columns);
        let columns = columns.filter(|(_, rows)| *rows > 0).collect();
        Ok(Difference { table, before, after, removed, added, changed, columns })
    }
}

/// Columns that say who told of a row, and when.
const RECEIPT: [&str; 7] =
    ["tenants", "origins", "first_received_at", "last_event_id", "tenant", "origin", "received_at"];

/// The envelope that an event was; `None` for a kind or face that this build does not know.
fn envelope(event: StoredEvent) -> Option<Envelope> {
    let origin = match event.origin.as_str() {
        "webhook" => Origin::Webhook,
        "api" => Origin::Api,
        "hook_log" => Origin::HookLog,
        _ => return None,
    };
    Some(Envelope {
        id: event.id,
        source: event.instance,
        kind: event.kind.parse::<EventKind>().ok()?,
        subject: event.subject,
        time: DateTime::from_timestamp_millis(event.received_at)?,
        origin,
        tenant: event.tenant,
        delivery_id: Some(event.delivery_id).filter(|id| !id.is_empty()),
        traceparent: None,
        payload: Payload::Json(event.payload),
    })
}
