//! Sessions: connections that outlive a request because a client asked for it with `session_id`.
//! In: session requests. Out: leases on connections, new ones or a session's.
//! Never: two requests in one session at once, and never one request's settings in the next.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fault::{Fault, Refusal};
use super::ffi::Connection;
use super::request::{Origin, SessionRequest};
use super::sql::{ask, execute, quote, quote_identifier};

/// Maximum number of sessions. Every client creates one, and the engine counts 1.3 MB of its memory for each, even if it is idle.
const MAX_SESSIONS: usize = 200;

/// All sessions by their names.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Place>>);

#[derive(Debug)]
enum Place {
    /// A request is in it.
    Busy,
    Idle {
        session: Box<Session>,
        since: Instant,
        until: Instant,
    },
}

/// A session's connection, and its state before requests applied their own settings.
#[derive(Debug)]
struct Session {
    connection: Connection,
    /// Original values of settings that requests have overridden so far. Cleared when the session itself is changed.
    usual: HashMap<String, String>,
    database: Option<String>,
    /// `SET readonly` of this session: 0, 1 or 2.
    readonly: u8,
}

impl Sessions {
    /// A connection for one request: the session's, or one that is closed afterwards.
    ///
    /// # Errors
    /// The session is busy, does not exist although it must, or is one too many.
    pub(super) fn lease(
        &self,
        request: Option<&SessionRequest>,
        open: impl Fn() -> Result<Connection, Fault>,
    ) -> Result<Lease<'_>, Fault> {
        let fresh =
            |connection| Box::new(Session { connection, usual: HashMap::new(), database: None, readonly: 0 });
        let Some(request) = request else {
            return Ok(Lease { session: fresh(open()?), home: None, undo: Vec::new() });
        };
        let mut sessions = lock(&self.0);
        let session = match sessions.insert(request.id.clone(), Place::Busy) {
            Some(Place::Busy) => {
                let reason = format_args!("Session {} is locked by a concurrent client", request.id);
                return Err(Fault::refuse(Refusal::SessionLocked, reason));
            }
            Some(Place::Idle { session, until, .. }) if until > Instant::now() => Some(session),
            Some(Place::Idle { .. }) | None => None,
        };
        let mut evicted = None;
        let refusal = if session.is_some() {
            None
        } else if request.origin == Origin::Existing {
            Some(Fault::refuse(Refusal::SessionNotFound, format_args!("Session {} not found", request.id)))
        } else if sessions.len() > MAX_SESSIONS {
            evicted = longest_idle(&sessions).and_then(|id| sessions.remove(&id));
            let reason = format_args!("all {MAX_SESSIONS} sessions of the embedded ClickHouse are busy");
            evicted.is_none().then(|| Fault::refuse(Refusal::BadArguments, reason))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            sessions.remove(&request.id);
            return Err(refusal);
        }
        drop(sessions);
        // Its connection is closed here, where nobody waits for the table of sessions.
        drop(evicted);
        let home = Home { sessions: self, id: request.id.clone(), timeout: request.timeout };
        let session = session.map_or_else(|| open().map(fresh), Ok)?;
        Ok(Lease { session, home: Some(home), undo: Vec::new() })
    }

    /// Closes sessions that have expired.
    pub(super) fn expire(&self, now: Instant) {
        lock(&self.0).retain(|_, place| !matches!(place, Place::Idle { until, .. } if *until <= now));
    }

    /// Closes all sessions.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }
}

/// The session that was not used for longest, if any is idle.
fn longest_idle(sessions: &HashMap<String, Place>) -> Option<String> {
    let idle = sessions.iter().filter_map(|(id, place)| match place {
        Place::Idle { since, .. } => Some((since, id)),
        Place::Busy => None,
    });
    idle.min().map(|(_, id)| id.clone())
}

/// A connection lent to one request. Dropping it unreleased closes the connection, and with it the session.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    session: Box<Session>,
    home: Option<Home<'a>>,
    undo: Vec<String>,
}

/// The place of a lent session. Dropping it gives up the name.
#[derive(Debug)]
struct Home<'a> {
    sessions: &'a Sessions,
    id: String,
    timeout: Duration,
}

/// How a statement changed its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// SET: the original values of settings may have changed.
    Settings,
    /// USE: the session's former database is not restored.
    Database,
}

impl Lease<'_> {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.session.connection
    }

    /// Saves the state of a session before `settings` and `database` are applied to it.
    ///
    /// # Errors
    /// The engine's error.
    pub(super) fn remember(
        &mut self,
        settings: &[(&str, &str)],
        database: Option<&str>,
    ) -> Result<(), Fault> {
        if self.home.is_none() {
            return Ok(());
        }
        let session = &mut self.session;
        let unknown: Vec<String> = settings
            .iter()
            .filter(|(name, _)| !session.usual.contains_key(*name))
            .map(|(name, _)| quote(name))
            .collect();
        if !unknown.is_empty() {
            let sql = format!(
                "SELECT name, if(changed, concat('\\'', replaceAll(replaceAll(value, '\\\\', '\\\\\\\\'), '\\'', \
                 '\\\\\\''), '\\''), 'DEFAULT') FROM system.settings WHERE name IN ({})",
                unknown.join(", ")
            );
            for line in ask(&mut session.connection, &sql)?.lines() {
                if let Some((name, value)) = line.split_once('\t') {
                    session.usual.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        let undo: Vec<String> = settings
            .iter()
            .filter_map(|(name, _)| session.usual.get(*name).map(|value| format!("{name} = {value}")))
            .collect();
        if !undo.is_empty() {
            self.undo.push(format!("SET {}", undo.join(", ")));
        }
        if database.is_some() {
            let usual = match session.database.take() {
                Some(usual) => usual,
                None => ask(&mut session.connection, "SELECT currentDatabase()")?.trim_end().to_owned(),
            };
            self.undo.push(format!("USE {}", quote_identifier(&usual)));
            session.database = Some(usual);
        }
        Ok(())
    }

    /// Registers a statement that runs when the session is released.
    pub(super) fn undo(&mut self, sql: String) {
        self.undo.push(sql);
    }

    /// `SET readonly` of the session.
    pub(super) fn readonly(&self) -> u8 {
        self.session.readonly
    }

    /// Records the session's `SET readonly`.
    pub(super) fn set_readonly(&mut self, level: u8) {
        self.session.readonly = level;
    }

    /// Records that a statement changed the session itself.
    pub(super) fn changed(&mut self, effect: Effect) {
        self.session.usual.clear();
        self.session.database = None;
        if effect == Effect::Database {
            self.undo.retain(|sql| !sql.starts_with("USE "));
        }
    }

    /// Undoes what the request had applied, and releases the session; or closes the connection.
    pub(super) fn release(mut self) {
        let Some(home) = self.home else { return };
        let undone = self.undo.iter().try_for_each(|sql| execute(&mut self.session.connection, sql));
        match undone {
            Ok(()) => home.receive(self.session),
            Err(error) => tracing::warn!(%error, "a session was closed: its settings could not be put back"),
        }
    }
}

impl Home<'_> {
    fn receive(&self, session: Box<Session>) {
        let since = Instant::now();
        let place = Place::Idle { session, since, until: since + self.timeout };
        lock(&self.sessions.0).insert(self.id.clone(), place);
    }
}

impl Drop for Home<'_> {
    fn drop(&mut self) {
        let mut sessions = lock(&self.sessions.0);
        if matches!(sessions.get(&self.id), Some(Place::Busy)) {
            sessions.remove(&self.id);
        }
    }
}

/// Locks despite a panic of an earlier holder: the guarded value is always replaced as a whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
