//! Reads the audit log. In: the value of a record of the audit topic. Out: a row of `audit_log`, or the reason why there is none. Pure: the same
//! bytes give the same row, so reading a record again changes nothing.

use clickhouse::Row;
use schemas::audit::{ApiCall, Audited};
use serde::Serialize;

use crate::decode::DecodeError;
use crate::rows::Rows;

/// A row of `audit_log_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct AuditLogRow {
    instance: String,
    run_id: String,
    number: u64,
    role: String,
    tenant: String,
    /// Milliseconds since 1970.
    called_at: i64,
    method: String,
    path: String,
    status: Option<u16>,
    outcome: String,
    duration_ms: u64,
    bytes: u64,
    token: String,
    budget_left: u32,
}

/// The row for a record of the audit topic.
///
/// # Errors
/// The record is not a call of GitLab's API.
pub fn rows(value: &[u8]) -> Result<Rows, DecodeError> {
    let Audited { instance, tenant, at, call } = Audited::parse(value).map_err(DecodeError::Audit)?;
    let ApiCall { role, run, number, method, path, status, outcome, duration_ms, bytes, token, budget_left } =
        call;
    let row = AuditLogRow {
        instance,
        run_id: run.hyphenated().to_string(),
        number,
        role,
        tenant,
        called_at: at.timestamp_millis(),
        method,
        path,
        status,
        outcome,
        duration_ms,
        bytes,
        token,
        budget_left,
    };
    Ok(Rows { audit_log: vec![row], ..Rows::default() })
}

#[cfg(test)]
mod tests;
