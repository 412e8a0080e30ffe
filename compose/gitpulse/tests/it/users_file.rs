//! roles.sql as an equivalent users.xml. In: its statements, and a reader's roles. Out: two settings files.
//!
//! How policies combine is taken from ClickHouse's documentation: any of the permissive ones, and all restrictive ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemas::access;
use schemas::migration::Target;

/// The content of roles.sql and tenant.sql.
pub(crate) struct Access {
    pub(crate) statements: Vec<String>,
    /// The grants of each role.
    pub(crate) grants: BTreeMap<String, Vec<String>>,
    pub(crate) policies: Vec<Policy>,
    /// Settings that the analyst's role fixes.
    pub(crate) fixed: Vec<String>,
}

/// A row policy.
pub(crate) struct Policy {
    pub(crate) views: Vec<String>,
    using: String,
    is_restrictive: bool,
    /// Empty if it applies to everybody.
    to: Vec<String>,
    except: Vec<String>,
}

/// The names in backquotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Access {
    /// What is applied for these tenants.
    pub(crate) fn read(target: &Target, tenants: &[&str]) -> Access {
        let tenants = tenants.iter().flat_map(|tenant| access::tenant_role(target, tenant));
        let plain = |statement: String| {
            let lines = statement.lines().filter(|line| !line.starts_with("--"));
            lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
        };
        let statements: Vec<String> = access::roles(target).into_iter().chain(tenants).map(plain).collect();
        let (mut grants, mut policies, mut fixed) =
            (BTreeMap::<String, Vec<String>>::new(), Vec::new(), Vec::new());
        for statement in &statements {
            let (what, to) = statement.rsplit_once(" TO ").unwrap_or((statement, ""));
            if let Some(names) = statement.strip_prefix("CREATE ROLE IF NOT EXISTS ") {
                grants.extend(quoted(names).into_iter().map(|role| (role, Vec::new())));
            } else if statement.starts_with("GRANT ") {
                for role in quoted(to) {
                    grants.get_mut(&role).unwrap().push(what.to_owned());
                }
            } else if let Some(policy) = what.strip_prefix("CREATE ROW POLICY OR REPLACE ") {
                let (views, using) = policy.split_once(" ON ").unwrap().1.split_once(" USING ").unwrap();
                let (to, except) = to.split_once(" EXCEPT ").unwrap_or((to, ""));
                policies.push(Policy {
                    views: views
                        .split(", ")
                        .map(|view| view.rsplit('.').next().unwrap().to_owned())
                        .collect(),
                    using: using.trim_end_matches(" AS RESTRICTIVE").to_owned(),
                    is_restrictive: using.ends_with(" AS RESTRICTIVE"),
                    to: quoted(to),
                    except: quoted(except),
                });
            } else if let Some((_, settings)) = statement.split_once(" SETTINGS ") {
                fixed = settings
                    .split(", ")
                    .map(|fixed| fixed.strip_suffix(" CONST").unwrap().to_owned())
                    .collect();
            } else {
                assert!(statement.contains(" MODIFY SQL SECURITY DEFINER "), "{statement}");
            }
        }
        Access { statements, grants, policies, fixed }
    }

    /// The roles, and those that are granted to them.
    fn with_inherited(&self, roles: &str) -> BTreeSet<String> {
        let mut all: BTreeSet<String> =
            roles.split_whitespace().map(|role| format!("gitpulse_{role}")).collect();
        loop {
            let grants = all.iter().flat_map(|role| &self.grants[role]);
            let inherited = grants.filter(|grant| !grant.contains("SELECT")).flat_map(|grant| quoted(grant));
            let more: BTreeSet<String> = inherited.chain(all.iter().cloned()).collect();
            if more.len() == all.len() {
                return all;
            }
            all = more;
        }
    }

    /// Gives `default` in `folder` these roles and grants, and a user `owner` everything.
    pub(crate) fn write(&self, folder: &Path, roles: &str, grants: &[&str]) {
        let queries = |grants: &[String]| {
            grants.iter().map(|grant| format!("<query>{}</query>", escaped(grant))).collect::<String>()
        };
        let inherited = self.with_inherited(roles);
        let mut filters = BTreeMap::<&str, (Vec<&str>, Vec<&str>)>::new();
        for policy in &self.policies {
            let concerns = |names: &[String]| names.iter().any(|name| inherited.contains(name));
            for view in &policy.views {
                let (permissive, restrictive) = filters.entry(view).or_default();
                if (policy.to.is_empty() || concerns(&policy.to)) && !concerns(&policy.except) {
                    if policy.is_restrictive { restrictive } else { permissive }.push(&policy.using);
                }
            }
        }
        let filters = filters.into_iter().map(|(view, (permissive, restrictive))| {
            let any = if permissive.is_empty() { "0".to_owned() } else { permissive.join(") OR (") };
            let all = restrictive.iter().map(|using| format!(" AND ({using})")).collect::<String>();
            format!("<{view}><filter>{}</filter></{view}>", escaped(&format!("(({any})){all}")))
        });
        let granted: Vec<String> =
            roles.split_whitespace().map(|role| format!("GRANT gitpulse_{role}")).collect();
        let granted = [granted, grants.iter().map(|grant| (*grant).to_owned()).collect()].concat();
        let user = |name, more| {
            format!(
                "<{name}><password></password><networks><ip>::/0</ip></networks><profile>{name}</profile><quota>default</quota>{more}</{name}>"
            )
        };
        let filters = filters.collect::<String>();
        let reader = format!(
            "<grants>{}</grants><databases><gitpulse>{filters}</gitpulse></databases>",
            queries(&granted)
        );
        let users =
            user("default", reader) + &user("owner", "<access_management>1</access_management>".to_owned());
        let fixed = inherited.contains("gitpulse_analyst").then_some(&self.fixed).into_iter().flatten();
        let fixed = fixed.map(|name| format!("<{name}><readonly/></{name}>")).collect::<String>();
        let all = self.grants.iter();
        let roles = all
            .map(|(role, grants)| format!("<{role}><grants>{}</grants></{role}>", queries(grants)))
            .collect::<String>();
        let users = format!(
            "<clickhouse><profiles><default><constraints>{fixed}</constraints></default><owner/></profiles>\
             <quotas><default/></quotas><users>{users}</users><roles>{roles}</roles></clickhouse>"
        );
        let path = folder.join("users.xml");
        let config = format!("<clickhouse><users_config>{}</users_config></clickhouse>", path.display());
        std::fs::write(path, users).unwrap();
        std::fs::write(folder.join("config.xml"), config).unwrap();
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
