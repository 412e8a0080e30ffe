//! Hooks that lead to GitPulse. In: a project or a group. Out: its hooks, and which of them GitLab currently does not call, with the remedy. Never
//! changes one.
//!
//! GitLab stops calling a hook that fails: for a while after four failures in a row, for good after forty
//! (<https://docs.gitlab.com/user/project/integrations/webhooks/#auto-disabled-webhooks>). System hooks are listed to administrators only, and have
//! no log.

use gitlab::Limit;
use serde::Deserialize;

use schemas::field::Field;

use super::error::ReconcileError;
use super::logged::tenant_of;
use super::report::Findings;
use super::run::Step;

/// The owner of hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The project of this id.
    Project(u64),
    /// The group of this id.
    Group(u64),
}

/// A hook that leads to GitPulse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// GitLab's id.
    pub id: u64,
    /// The tenant that its URL names; empty for none.
    pub tenant: String,
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: u64,
    #[serde(default)]
    url: String,
    #[serde(default)]
    alert_status: Field<String>,
    #[serde(default)]
    disabled_until: Field<String>,
}

impl Owner {
    /// Its name in the saved state.
    pub fn place(self) -> String {
        match self {
            Owner::Project(id) => format!("project/{id}"),
            Owner::Group(id) => format!("group/{id}"),
        }
    }

    /// The path of its hooks.
    pub fn path(self) -> String {
        match self {
            Owner::Project(id) => format!("projects/{id}/hooks"),
            Owner::Group(id) => format!("groups/{id}/hooks"),
        }
    }
}

/// The hooks of a project or a group that lead to GitPulse.
pub(super) async fn list(
    step: &Step<'_>,
    owner: Owner,
    path: &str,
    findings: &mut Findings,
) -> Result<Vec<Hook>, ReconcileError> {
    let asked = owner.path();
    let mut page = step.asking.list(Limit::General, &asked, &[("per_page", "100".to_owned())]).await?;
    let mut hooks = Vec::new();
    loop {
        for object in &page.items {
            let listed: Listed = serde_json::from_str(object.get())
                .map_err(|source| ReconcileError::Object { path: asked.clone(), source })?;
            let Some(tenant) = tenant_of(&listed.url, step.plan.hook_url.as_deref()) else { continue };
            findings.hooks += 1;
            if let Some(what_to_do) = disabled(&listed) {
                findings.disabled_hooks += 1;
                findings.note(format!("hook {} of {path} {what_to_do}", listed.id));
            }
            hooks.push(Hook { id: listed.id, tenant });
        }
        let Some(next) = &page.next else { return Ok(hooks) };
        page = step.asking.next(next).await?;
    }
}

/// The remedy for a hook that is not called.
fn disabled(hook: &Listed) -> Option<String> {
    match hook.alert_status.text() {
        "temporarily_disabled" => Some(format!(
            "is not called until {}: fix what its log shows (Settings > Webhooks > Edit), then send it a test event, which enables it at once",
            match hook.disabled_until.text() {
                "" => "later",
                until => until,
            }
        )),
        "disabled" => Some(
            "is not called any more: fix what its log shows (Settings > Webhooks > Edit), then send it a test event, which enables it"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disabled_hook_says_what_to_do() {
        let check = |status: &str, until: &str, expected: Option<&str>| {
            let json = format!(r#"{{"id":1,"url":"x","alert_status":{status},"disabled_until":{until}}}"#);
            let said = disabled(&serde_json::from_str(&json).unwrap());
            assert!(said.as_deref().unwrap_or("").contains(expected.unwrap_or("")), "{said:?}");
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
        };
        check(r#""executable""#, "null", None);
        check("null", "null", None);
        check(r#""temporarily_disabled""#, r#""2026-11-28T10:00:00Z""#, Some("until 2026-11-28T10:00:00Z"));
        check(r#""disabled""#, "null", Some("send it a test event"));
    }
}
