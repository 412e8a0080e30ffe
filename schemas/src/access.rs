//! Access rights. In: where to apply them, and tenants. Out: the statements that create ClickHouse's roles and row policies. Never talks to
//! ClickHouse.
//!
//! They are no migrations: they always describe the current views, so all of them are applied every time. The names and columns in
//! `clickhouse/views` decide which views there are and which policies each needs; no other list exists.

use crate::migration::{Target, quoted, statements};
use crate::view::{METRICS, VIEWS, View};

const ROLES: &str = include_str!("../clickhouse/roles.sql");
const TENANT: &str = include_str!("../clickhouse/tenant.sql");

/// Views that no role may read: records of all tenants, and the base of `branches` and `tags`.
const WITHHELD: [&str; 2] = ["dead_letters", "ref_heads"];

/// The role names of one database. They begin with the database's name, so that several installations can share a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleNames {
    /// Reads the views, without confidential rows.
    pub analyst: String,
    /// Adds the confidential rows to another role.
    pub confidential: String,
    /// The common part of all tenants' roles; reads nothing by itself.
    pub tenant: String,
}

impl RoleNames {
    /// The names for a database.
    pub fn of(target: &Target) -> RoleNames {
        let name = |role: &str| format!("{}_{role}", target.database);
        RoleNames { analyst: name("analyst"), confidential: name("confidential"), tenant: name("tenant") }
    }

    /// Reads the rows that this tenant reported, without confidential ones.
    pub fn of_tenant(&self, tenant: &str) -> String {
        format!("{}{tenant}", self.tenant_prefix())
    }

    fn tenant_prefix(&self) -> String {
        format!("{}_", self.tenant)
    }
}

/// The statements that create the roles and policies. Each is idempotent.
pub fn roles(target: &Target) -> Vec<String> {
    let names = RoleNames::of(target);
    let sql = of_each_view(ROLES)
        .replace("${select_on_views}", &granted())
        .replace("${views}", &listed("", |_| true))
        .replace("${views_with_tenants}", &listed("", |view| view.has("tenants")))
        .replace("${views_with_tenant}", &listed("", |view| !view.has("tenants")))
        // roles.sql has a separate rule for the events.
        .replace(
            "${views_with_confidential}",
            &listed("", |view| view.has("confidential") && view.name != "events"),
        )
        .replace("${analyst}", &quoted(&names.analyst))
        .replace("${confidential}", &quoted(&names.confidential))
        .replace("${tenant}", &quoted(&names.tenant))
        .replace("${everyone}", &quoted(&format!("{}_everyone", target.database)))
        .replace("${tenant_prefix}", &literal(&names.tenant_prefix()));
    statements(&sql, target)
}

/// Whether a view has a definer once there are roles. Views that roles read and that read tables have one. A metric view reads only views, with the
/// rights of its reader, so that no number includes what a policy hides.
pub fn has_definer(view: &View) -> bool {
    readable().any(|readable| readable.name == view.name)
}

/// The views over tables that roles may read.
fn readable() -> impl Iterator<Item = &'static View> {
    VIEWS.iter().filter(|view| !WITHHELD.contains(&view.name))
}

/// The views for which `holds` is true, as an SQL list, with `before` in front of each.
fn listed(before: &str, holds: impl Fn(&View) -> bool) -> String {
    let names =
        readable().filter(|view| holds(view)).map(|view| format!("{before}${{database}}.{}", view.name));
    Vec::from_iter(names).join(", ")
}

/// The right to read each view that roles may read, including metric views.
fn granted() -> String {
    let names = readable().chain(METRICS).map(|view| format!("SELECT ON ${{database}}.{}", view.name));
    Vec::from_iter(names).join(", ")
}

/// Repeats each line that is about one view for all of them.
fn of_each_view(sql: &str) -> String {
    let mut all = String::new();
    for line in sql.lines() {
        if line.contains("${view}") && !line.starts_with("--") {
            for view in readable() {
                all.push_str(&line.replace("${view}", &format!("${{database}}.{}", view.name)));
                all.push('\n');
            }
        } else {
            all.push_str(line);
            all.push('\n');
        }
    }
    all
}

/// The statements that create the role of one tenant, to be run after [`roles`]. Each is idempotent.
pub fn tenant_role(target: &Target, tenant: &str) -> Vec<String> {
    let names = RoleNames::of(target);
    let sql = TENANT
        .replace("${tenant}", &quoted(&names.tenant))
        .replace("${tenant_role}", &quoted(&names.of_tenant(tenant)));
    statements(&sql, target)
}

/// A string literal of ClickHouse.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests;
