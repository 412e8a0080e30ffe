//! Rebuilds tables. In: `events`, and today's decoder. Out: new tables, the differences, and then swapped tables. Tables merge by maximum, which
//! cannot remove a wrong value; a rebuild can. New events keep arriving meanwhile, and none is lost:
//!
//! 1. New tables are created beside the live ones and filled from `events`.
//! 2. A row in `rebuilds` says that the swap begins; each table is exchanged with its live one; another row says that the swap is complete.
//! 3. Everything stored since the start is read from `events` again, into the tables that are live now. Then every project is marked, so that its
//!    rollups are recomputed.
//!
//! A batch that is inserted meanwhile may have written rows to the old tables. The processor queries `rebuilds` after each batch. If it finds the
//! last row of step 2, it stores the batch again. If it does not, the batch's events were stored before that row, so that step 3 reads them. A
//! rebuild that was killed before step 2 leaves only unused tables. One that was killed later is completed by the next: reading what is already
//! live changes nothing. On a cluster a reader may be behind its writers, so there this holds only while no processor runs.

mod difference;
mod error;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use clickhouse::{Client, Row};
use fail::fail_point;
use runtime::Retry;
use schemas::envelope::Parts;
use schemas::head::Head;
use schemas::rollup;
use schemas::{Envelope, EventKind, Origin, Payload};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::decode::{DecodeError, decode_envelope};
use crate::insert::{Destination, InsertError, Store};
use crate::metrics::Metrics;
use crate::rows::{Rows, TABLES, rows_for};
pub use difference::Difference;
use difference::compare;
pub use error::RebuildError;

/// Rows, events and bytes at which rows are inserted.
const BATCH_ROWS: usize = 50_000;
const BATCH_EVENTS: usize = 20_000;
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// How long before the start an insert may have begun without being visible yet, including clock differences of replicas.
const MARGIN_MS: i64 = 15 * 60 * 1000;
/// Suffix of the new tables, followed by the id.
const ENDING: &str = "__rebuild_";
/// How long an insert with a transient error is retried.
const INSERT_TRIES_FOR: Duration = Duration::from_secs(300);

/// The number of completed swaps.
pub async fn swaps(client: &Client) -> Result<u64, InsertError> {
    let query = "SELECT count() FROM rebuilds WHERE step = 'swapped'";
    client.query(query).fetch_one().await.map_err(|source| InsertError { table: "rebuilds", source })
}

/// The result of reading the events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Number of events.
    pub events: u64,
    /// Events that today's decoder cannot read, by reason: they have no rows in the new tables.
    pub undecodable: BTreeMap<&'static str, u64>,
}

/// A rebuild in progress.
pub struct Rebuild {
    client: Client,
    id: Uuid,
    tables: Vec<&'static str>,
    began_at: i64,
    on_cluster: String,
    insert_timeout: Duration,
    metrics: Metrics,
}

/// An event as stored.
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
struct Open {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    began: String,
}

/// Which events to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    StoredSinceTheBeginning,
}

impl Rebuild {
    /// Creates empty tables beside the live ones. `on_cluster` is empty or `ON CLUSTER name`.
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
        rebuild.refuse_second().await?;
        rebuild.note("started").await?;
        for table in &rebuild.tables {
            let beside = format!("`{table}{}`", rebuild.ending());
            let statement = format!("CREATE TABLE {beside} {} AS `{table}`", rebuild.on_cluster);
            rebuild.execute("made tables", &statement).await?;
        }
        Ok(rebuild)
    }

    /// Ends all rebuilds that began and have not swapped, and drops their tables.
    pub async fn abandon(client: &Client, on_cluster: &str) -> Result<u64, RebuildError> {
        let failed = |source| RebuildError::ClickHouse { doing: "looked for open ones", source };
        let open: Vec<Open> = client.query(OPEN).fetch_all().await.map_err(failed)?;
        for Open { id, .. } in &open {
            let note = "INSERT INTO rebuilds (id, step, began_at) SELECT toUUID(?), 'discarded', now64(3)";
            let noted = client.query(note).bind(id.to_string()).execute().await;
            noted.map_err(|source| RebuildError::ClickHouse { doing: "abandoned one", source })?;
            drop_tables(client, on_cluster, *id).await?;
        }
        Ok(open.len() as u64)
    }

    /// A rebuild that was killed between the start of its swap and its end.
    pub async fn interrupted(
        client: Client,
        on_cluster: String,
        insert_timeout: Duration,
        metrics: Metrics,
    ) -> Result<Option<Rebuild>, RebuildError> {
        let query = "SELECT id, any(tables) AS tables, toUnixTimestamp64Milli(any(began_at)) AS began_at FROM rebuilds GROUP BY id \
                     HAVING countIf(step = 'swapping') > 0 AND countIf(step = 'finished') = 0 ORDER BY max(at) LIMIT 1";
        let found: Option<Interrupted> = client
            .query(query)
            .fetch_optional()
            .await
            .map_err(|source| RebuildError::ClickHouse { doing: "looked for an interrupted one", source })?;
        let Some(Interrupted { id, tables, began_at }) = found else { return Ok(None) };
        let known = TABLES.iter().map(|table| table.name);
        let tables = known.filter(|known| tables.iter().any(|table| table == known)).collect();
        Ok(Some(Rebuild { client, id, tables, began_at, on_cluster, insert_timeout, metrics }))
    }

    /// The number of events to read.
    pub async fn events(&self) -> Result<u64, RebuildError> {
        let counted = self.client.query("SELECT count() FROM event_facts").fetch_one().await;
        counted.map_err(|source| RebuildError::ClickHouse { doing: "counted events", source })
    }

    /// Fills the new tables from all events. `progress` receives the number read so far.
    pub async fn fill(&self, progress: impl FnMut(u64)) -> Result<Reading, RebuildError> {
        self.read(Destination::Beside(&self.tables, &self.ending()), Which::All, progress).await
    }

    /// The tables with rows older than the first event: their source is no longer in `events`, so they would be lost. Rows that are being stored
    /// right now do not count: their events follow.
    pub async fn older_than_events(&self) -> Result<Vec<&'static str>, RebuildError> {
        let failed = |source| RebuildError::ClickHouse { doing: "looked for the first event", source };
        let mut older = Vec::new();
        for table in &self.tables {
            let heard = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ? \
                         AND name IN ('first_received_at', 'received_at', 'first_seen_at')";
            let heard: Option<String> =
                self.client.query(heard).bind(table).fetch_optional().await.map_err(failed)?;
            let Some(heard) = heard else { continue };
            let query = format!(
                "SELECT count() FROM (SELECT min({heard}) AS first FROM `{table}` HAVING count() > 0) \
                 WHERE first < fromUnixTimestamp64Milli({}, 'UTC') \
                 AND (first < (SELECT min(received_at) FROM event_facts) OR (SELECT count() FROM event_facts) = 0)",
                self.began_at
            );
            let is_older: u64 = self.client.query(&query).fetch_one().await.map_err(failed)?;
            if is_older > 0 {
                older.push(*table);
            }
        }
        Ok(older)
    }

    /// The differences between the new tables and the live ones. Only what analysts see is compared, not who reported a row, when GitPulse received
    /// it, or versions.
    pub async fn differences(&self) -> Result<Vec<Difference>, RebuildError> {
        let mut differences = Vec::new();
        for table in &self.tables {
            differences.push(compare(&self.client, table, &self.ending()).await?);
        }
        Ok(differences)
    }

    /// Swaps the new tables with the live ones.
    pub async fn swap(&self) -> Result<(), RebuildError> {
        self.note("swapping").await?;
        for table in &self.tables {
            let statement =
                format!("EXCHANGE TABLES `{table}` AND `{table}{}` {}", self.ending(), self.on_cluster);
            self.execute("swapped tables", &statement).await?;
            fail_point!("rebuild::between_swaps", |_| std::process::abort());
        }
        self.note("swapped").await?;
        fail_point!("rebuild::after_swap", |_| std::process::abort());
        Ok(())
    }

    /// Adds what was stored meanwhile, and drops the old tables. If the rebuild was killed during the swap, the swap is not recorded yet:
    /// processors must know it before anything is read.
    pub async fn finish(&self, progress: impl FnMut(u64)) -> Result<(), RebuildError> {
        let noted = "SELECT count() FROM rebuilds WHERE step = 'swapped' AND id = toUUID(?)";
        let noted: u64 = (self.client.query(noted).bind(self.id.to_string()).fetch_one().await)
            .map_err(|source| RebuildError::ClickHouse { doing: "looked for its swap", source })?;
        if noted == 0 {
            self.note("swapped").await?;
        }
        let since = Which::StoredSinceTheBeginning;
        self.read(Destination::Some(&self.tables), since, progress).await?;
        // Rollups of the old tables are wrong. Marked before the last step is recorded, so that a finished rebuild always has marked.
        self.execute("marked projects", &rollup::mark_known()).await?;
        self.note("finished").await?;
        drop_tables(&self.client, &self.on_cluster, self.id).await
    }

    /// Drops the new tables instead of swapping them.
    pub async fn discard(&self) -> Result<(), RebuildError> {
        self.note("discarded").await?;
        drop_tables(&self.client, &self.on_cluster, self.id).await
    }

    async fn refuse_second(&self) -> Result<(), RebuildError> {
        let failed = |source| RebuildError::ClickHouse { doing: "looked for open ones", source };
        let open: Option<Open> = self.client.query(OPEN).fetch_optional().await.map_err(failed)?;
        match open {
            Some(Open { id, began }) => Err(RebuildError::Open { id, began }),
            None => Ok(()),
        }
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

    async fn read(
        &self,
        destination: Destination<'_>,
        which: Which,
        mut progress: impl FnMut(u64),
    ) -> Result<Reading, RebuildError> {
        let failed = |source| RebuildError::ClickHouse { doing: "read events", source };
        let since = match which {
            Which::All => String::new(),
            Which::StoredSinceTheBeginning => {
                format!(" WHERE inserted_at >= fromUnixTimestamp64Milli({}, 'UTC')", self.began_at)
            }
        };
        // For an event received twice, the first receipt: the result must not depend on what ClickHouse has merged so far.
        let query = format!("SELECT ?fields FROM event_facts FINAL{since}");
        // Events must be streamed, and ClickHouse must wait while rows are inserted.
        let streaming = self.client.clone().with_setting("wait_end_of_query", "0");
        let streaming =
            streaming.with_setting("http_send_timeout", "3600").with_setting("send_timeout", "3600");
        let mut events = streaming.query(&query).fetch::<StoredEvent>().map_err(failed)?;
        let store =
            Store { client: &self.client, destination, timeout: self.insert_timeout, metrics: &self.metrics };
        let (mut rows, mut reading, mut open, mut bytes) = (Rows::default(), Reading::default(), 0, 0);
        while let Some(event) = events.next().await.map_err(failed)? {
            reading.events += 1;
            open += 1;
            bytes += event.payload.len();
            match envelope(event).ok_or("unknown_kind").and_then(|envelope| {
                let event = decode_envelope(envelope).map_err(|error| error.reason())?;
                let reason = event.body.as_ref().err().map(DecodeError::reason);
                rows.append(rows_for(event));
                rows.events.clear();
                reason.map_or(Ok(()), Err)
            }) {
                Ok(()) => (),
                Err(reason) => *reading.undecodable.entry(reason).or_default() += 1,
            }
            if rows.len() >= BATCH_ROWS || open >= BATCH_EVENTS || bytes >= BATCH_BYTES {
                patiently(&store, &std::mem::take(&mut rows)).await?;
                (open, bytes) = (0, 0);
                progress(reading.events);
            }
        }
        patiently(&store, &rows).await?;
        progress(reading.events);
        Ok(reading)
    }
}

/// Rebuilds that began and have neither swapped nor ended.
const OPEN: &str = "SELECT id, formatDateTime(min(rebuilds.at), '%Y-%m-%d %H:%i:%S') AS began FROM rebuilds GROUP BY id \
                    HAVING countIf(step != 'started') = 0 ORDER BY began";

/// Drops the new tables of a rebuild.
async fn drop_tables(client: &Client, on_cluster: &str, id: Uuid) -> Result<(), RebuildError> {
    let query = "SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(name, ?)";
    let names = client.query(query).bind(format!("{ENDING}{}", id.simple())).fetch_all::<String>().await;
    let names =
        names.map_err(|source| RebuildError::ClickHouse { doing: "looked for its tables", source })?;
    for name in names {
        let dropped =
            client.query_raw(&format!("DROP TABLE IF EXISTS `{name}` {on_cluster} SYNC")).execute().await;
        dropped.map_err(|source| RebuildError::ClickHouse { doing: "dropped its tables", source })?;
    }
    Ok(())
}

/// Stores rows, and retries while ClickHouse is overloaded or unavailable.
async fn patiently(store: &Store<'_>, rows: &Rows) -> Result<(), InsertError> {
    let retry = Retry {
        until: Instant::now() + INSERT_TRIES_FOR,
        shutdown: &CancellationToken::new(),
        warning: "rows could not be stored and are tried again",
    };
    retry.run(InsertError::is_transient, || store.insert(rows)).await
}

/// The envelope of a stored event; `None` for a kind or origin that this build does not know. An event of an unknown kind may have a known kind
/// today.
fn envelope(event: StoredEvent) -> Option<Envelope> {
    let origin = match event.origin.as_str() {
        "webhook" => Origin::Webhook,
        "api" => Origin::Api,
        "hook_log" => Origin::HookLog,
        _ => return None,
    };
    let (mut kind, mut subject) = (event.kind.parse::<EventKind>().ok()?, event.subject);
    if kind == EventKind::Other
        && origin != Origin::Api
        && let Ok(head) = Head::read(&event.payload)
    {
        kind = head.kind();
        subject = head.subject(kind, &event.id.to_string());
    }
    Some(Envelope::stored(Parts {
        id: event.id,
        source: event.instance,
        kind,
        subject,
        time: DateTime::from_timestamp_millis(event.received_at)?,
        origin,
        tenant: event.tenant,
        delivery_id: Some(event.delivery_id).filter(|id| !id.is_empty()),
        traceparent: None,
        payload: Payload::Json(event.payload),
    }))
}
