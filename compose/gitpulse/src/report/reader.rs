//! What the reader may not see. In: the roles of the session. Out: a line that names the hidden rows, so that nobody takes a number as that of all
//! rows. Never their content.

use clickhouse::Client;
use schemas::access::RoleNames;
use schemas::migration::Target;

use super::refused;

/// Which rows are left out of every number.
pub(super) async fn left_out(client: &Client, target: &Target) -> anyhow::Result<Option<String>> {
    let roles: Vec<String> =
        client.query("SELECT arrayJoin(enabledRoles())").fetch_all().await.map_err(refused)?;
    Ok(said(&roles, target))
}

fn said(roles: &[String], target: &Target) -> Option<String> {
    let names = RoleNames::of(target);
    let has = |name: &str| roles.iter().any(|role| role == name);
    if !has(&names.analyst) {
        return None;
    }
    let of_tenants: Vec<&str> =
        roles.iter().filter_map(|role| role.strip_prefix(&names.tenant)?.strip_prefix('_')).collect();
    let mut left_out = Vec::new();
    if !has(&names.confidential) {
        left_out.push("confidential rows".to_owned());
    }
    if has(&names.tenant) {
        left_out.push(format!("rows that only other tenants than {} told of", of_tenants.join(", ")));
    }
    (!left_out.is_empty())
        .then(|| format!("Left out, as your roles may not see them: {}.", left_out.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(roles: &[&str], expected: &str) {
        let target = Target { database: "gitpulse".to_owned(), cluster: None };
        let roles: Vec<String> = roles.iter().map(|role| format!("gitpulse_{role}")).collect();
        assert_eq!(said(&roles, &target).unwrap_or_default(), expected);
    }

    #[test]
    fn what_a_role_may_not_see_is_said() {
        check(&[], "");
        check(&["analyst", "confidential"], "");
        check(&["analyst"], "Left out, as your roles may not see them: confidential rows.");
        check(
            &["tenant_acme", "tenant", "analyst", "confidential"],
            "Left out, as your roles may not see them: rows that only other tenants than acme told of.",
        );
        check(
            &["tenant_acme", "tenant", "analyst"],
            "Left out, as your roles may not see them: confidential rows; rows that only other tenants than acme told of.",
        );
    }
}
