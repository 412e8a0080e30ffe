//! Who may read what. In: where to apply it, and tenants. Out: statements that make ClickHouse's roles and row policies. Never talks to
//! ClickHouse.
//!
//! They are no migrations: what they say holds for the views as they are now, so that they are applied whole, every time. Which views there
//! are, and which policies each needs, the files of `clickhouse/views` say by their names and columns; it is written nowhere else.

use crate::migration::{Target, quoted, statements};
use crate::view::{METRICS, VIEWS, View};

const ROLES: &str = include_str!("../clickhouse/roles.sql");
const TENANT: &str = include_str!("../clickhouse/tenant.sql");

/// Views that no role reads: records of anybody, and what `branches` and `tags` are made from.
const WITHHELD: [&str; 2] = ["dead_letters", "ref_heads"];

/// The names of the roles of one database. They begin with its name, so that several installations can share a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleNames {
    /// Reads the views, without confidential rows.
    pub analyst: String,
    /// Besides another role, reads confidential rows too.
    pub confidential: String,
    /// What the roles of tenants have in common; reads nothing by itself.
    pub tenant: String,
}

impl RoleNames {
    /// The names for this database.
    pub fn of(target: &Target) -> RoleNames {
        let name = |role: &str| format!("{}_{role}", target.database);
        RoleNames { analyst: name("analyst"), confidential: name("confidential"), tenant: name("tenant") }
    }

    /// Reads what this tenant told of, without confidential rows.
    pub fn of_tenant(&self, tenant: &str) -> String {
        format!("{}{tenant}", self.tenant_prefix())
    }

    fn tenant_prefix(&self) -> String {
        format!("{}_", self.tenant)
    }
}

/// The statements that make the roles and policies. Each can be repeated.
pub fn roles(target: &Target) -> Vec<String> {
    let names = RoleNames::of(target);
    let sql = of_each_view(ROLES)
        .replace("${select_on_views}", &granted())
        .replace("${views}", &listed("", |_| true))
        .replace("${views_with_tenants}", &listed("", |view| view.has("tenants")))
        .replace("${views_with_tenant}", &listed("", |view| !view.has("tenants")))
        // roles.sql has a rule of its own for the events.
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

/// Whether a view has a definer once there are roles: those that roles read and that read tables. A view that measures reads views alone, with
/// the rights of its reader, so that what a policy hides is in no number.
pub fn has_definer(view: &View) -> bool {
    readable().any(|readable| readable.name == view.name)
}

/// The views of tables that roles read.
fn readable() -> impl Iterator<Item = &'static View> {
    VIEWS.iter().filter(|view| !WITHHELD.contains(&view.name))
}

/// The views of which `holds` is true, as SQL lists them, each after `before`.
fn listed(before: &str, holds: impl Fn(&View) -> bool) -> String {
    let names =
        readable().filter(|view| holds(view)).map(|view| format!("{before}${{database}}.{}", view.name));
    Vec::from_iter(names).join(", ")
}

/// The right to read each view that roles read, those that measure included.
fn granted() -> String {
    let names = readable().chain(METRICS).map(|view| format!("SELECT ON ${{database}}.{}", view.name));
    Vec::from_iter(names).join(", ")
}

/// SQL with each line that is about one view once for each of them.
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

/// The statements that make the role of one tenant, after [`roles`]. Each can be repeated.
pub fn tenant_role(target: &Target, tenant: &str) -> Vec<String> {
    let names = RoleNames::of(target);
    let sql = TENANT
        .replace("${tenant}", &quoted(&names.tenant))
        .replace("${tenant_role}", &quoted(&names.of_tenant(tenant)));
    statements(&sql, target)
}

/// A text as ClickHouse quotes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests;
