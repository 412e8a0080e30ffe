//! Who may read what. In: where to apply it, and tenants. Out: statements that make ClickHouse's roles and row policies. Never talks to
//! ClickHouse.
//!
//! They are no migrations: what they say holds for the tables as they are now, so that they are applied whole, every time.

use crate::migration::{Target, quoted, statements};

const ROLES: &str = include_str!("../clickhouse/roles.sql");
const TENANT: &str = include_str!("../clickhouse/tenant.sql");

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
    let sql = ROLES
        .replace("${analyst}", &quoted(&names.analyst))
        .replace("${confidential}", &quoted(&names.confidential))
        .replace("${tenant}", &quoted(&names.tenant))
        .replace("${everyone}", &quoted(&format!("{}_everyone", target.database)))
        .replace("${tenant_prefix}", &literal(&names.tenant_prefix()));
    statements(&sql, target)
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
