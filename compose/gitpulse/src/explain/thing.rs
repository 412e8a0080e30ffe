//! Names of things. In: `shop/checkout!7`, `42#3`. Out: the project and the number within it. Never guesses between projects: the nearest are named.

use clickhouse::Client;

use crate::report::one_project;

/// A merge request or an issue of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    /// Path or number of the project.
    pub(super) project: String,
    /// Number within the project.
    pub(super) iid: u64,
}

/// A project as the views have it.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) instance: String,
    pub(super) id: u64,
}

/// A merge request, as `shop/checkout!7`.
pub(super) fn merge_request(text: &str) -> Result<Thing, &'static str> {
    thing(text, '!').ok_or("write a merge request as shop/checkout!7, or 42!7 with the number of the project; in a shell in quotes: '…!7'")
}

/// An issue, as `shop/checkout#3`.
pub(super) fn issue(text: &str) -> Result<Thing, &'static str> {
    thing(text, '#').ok_or("write an incident as shop/checkout#3, or 42#3 with the number of the project")
}

fn thing(text: &str, sign: char) -> Option<Thing> {
    let (project, iid) = text.rsplit_once(sign)?;
    let project = project.trim_matches('/');
    // A shell's backslash before the sign.
    let project = project.strip_suffix('\\').unwrap_or(project);
    let iid = iid.parse().ok().filter(|iid| *iid > 0)?;
    (!project.is_empty()).then(|| Thing { project: project.to_owned(), iid })
}

/// Finds the project.
pub(super) async fn find(client: &Client, name: &str) -> anyhow::Result<Project> {
    let (instance, id) = one_project(client, name).await?;
    Ok(Project { instance, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_a_project_and_a_number() {
        let check = |text: &str, expected: Option<(&str, u64)>| {
            let found = merge_request(text).ok();
            assert_eq!(found.as_ref().map(|thing| (thing.project.as_str(), thing.iid)), expected, "{text}");
        };
        check("shop/checkout!7", Some(("shop/checkout", 7)));
        check("42!7", Some(("42", 7)));
        check("/shop/checkout/!7", Some(("shop/checkout", 7)));
        check("shop/checkout\\!7", Some(("shop/checkout", 7)));
        for wrong in [
            "!7",
            "shop/checkout",
            "shop/checkout!",
            "shop/checkout!seven",
            "shop/checkout!0",
            "shop/checkout#7",
        ] {
            check(wrong, None);
        }
        assert!(issue("shop/checkout#3").is_ok());
    }
}
