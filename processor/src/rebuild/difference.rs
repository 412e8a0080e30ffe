//! What a rebuild would change. In: a live table and the new one. Out: how many rows and columns differ. Only what analysts see is compared, not
//! who reported a row, when GitPulse received it, or versions.

use clickhouse::{Client, Row};
use serde::Deserialize;

use super::error::RebuildError;

/// Memory above which a comparison uses the disk.
const COMPARE_IN_MEMORY_BYTES: &str = "1000000000";
/// The maximum number of differing rows whose columns are compared.
const COMPARED_ROWS: usize = 100_000;

/// What a rebuild changes in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The storage table.
    pub table: &'static str,
    /// Rows before.
    pub before: u64,
    /// Rows after.
    pub after: u64,
    /// Rows to be removed.
    pub removed: u64,
    /// Rows to be added.
    pub added: u64,
    /// Rows with other values.
    pub changed: u64,
    /// The columns with other values, and in how many rows.
    pub columns: Vec<(String, u64)>,
}

#[derive(Row, Deserialize)]
struct Compared {
    before: u64,
    after: u64,
    removed: u64,
    added: u64,
    changed: u64,
}

/// Columns about who reported a row, and when.
const RECEIPT: [&str; 7] =
    ["tenants", "origins", "first_received_at", "last_event_id", "tenant", "origin", "received_at"];

/// Compares a live table with the new one, whose name has this suffix.
pub(super) async fn compare(
    client: &Client,
    table: &'static str,
    ending: &str,
) -> Result<Difference, RebuildError> {
    let failed = |source| RebuildError::ClickHouse { doing: "compared tables", source };
    let columns = "SELECT name, type, is_in_sorting_key FROM system.columns \
                   WHERE database = currentDatabase() AND table = ? ORDER BY position";
    let columns: Vec<(String, String, u8)> =
        client.query(columns).bind(table).fetch_all().await.map_err(failed)?;
    let mut keys = Vec::new();
    let mut values: Vec<(&str, String)> = Vec::new();
    for (name, kind, is_key) in &columns {
        let compared = !RECEIPT.contains(&name.as_str());
        match (*is_key == 1, kind.contains("Tuple(Int64, UInt8, UInt16,")) {
            (true, _) => keys.push(format!("`{name}`")),
            (false, true) if compared => values.push((name, format!("tupleElement(facts.`{name}`, 4)"))),
            // A set has no order until it is shown.
            (false, false) if compared && kind.contains("groupUniqArray") => {
                values.push((name, format!("arraySort(facts.`{name}`)")));
            }
            (false, false) if compared => values.push((name, format!("facts.`{name}`"))),
            (false, _) => (),
        }
    }
    let keys = keys.join(", ");
    let all: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    let side = |number: u8, ending: &str| {
        format!(
            "SELECT {number} AS side, {keys}, cityHash64(tuple({})) AS hash FROM `{table}{ending}` AS facts FINAL",
            all.join(", ")
        )
    };
    let (old, new) = (side(0, ""), side(1, ending));
    let client = client.clone().with_setting("max_bytes_before_external_group_by", COMPARE_IN_MEMORY_BYTES);
    let query = format!(
        "SELECT countIf(is_old) AS before, countIf(is_new) AS after, countIf(is_old AND NOT is_new) AS removed, \
         countIf(is_new AND NOT is_old) AS added, countIf(is_old AND is_new AND differs) AS changed \
         FROM (SELECT max(side = 0) AS is_old, max(side = 1) AS is_new, min(hash) != max(hash) AS differs \
         FROM ({old} UNION ALL {new}) GROUP BY {keys})"
    );
    let Compared { before, after, removed, added, changed } =
        client.query(&query).fetch_one().await.map_err(failed)?;
    let mut columns = Vec::new();
    if changed > 0 {
        // The differing columns, of rows that differ.
        let differing = format!(
            "SELECT {keys} FROM ({old} UNION ALL {new}) GROUP BY {keys} \
             HAVING uniqExact(side) = 2 AND min(hash) != max(hash) LIMIT {COMPARED_ROWS}"
        );
        let hashes: Vec<String> = all.iter().map(|value| format!("cityHash64(tuple({value}))")).collect();
        let hashes = hashes.join(", ");
        let side = |ending: &str| {
            format!(
                "SELECT {keys}, [{hashes}] AS hashes FROM `{table}{ending}` AS facts FINAL WHERE ({keys}) IN ({differing})"
            )
        };
        let query = format!(
            "SELECT sumForEach(differ) AS columns FROM (SELECT arrayMap((a, b) -> toUInt64(a != b), \
             minForEach(hashes), maxForEach(hashes)) AS differ FROM ({} UNION ALL {}) GROUP BY {keys})",
            side(""),
            side(ending)
        );
        let counts: Vec<u64> = client.query(&query).fetch_one().await.map_err(failed)?;
        columns = values.iter().map(|(name, _)| (*name).to_owned()).zip(counts).collect();
        columns.retain(|(_, rows)| *rows > 0);
    }
    Ok(Difference { table, before, after, removed, added, changed, columns })
}
