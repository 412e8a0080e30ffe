//! Parses names of things. In: `shop/checkout!7`, `42#3`, an id within a GitLab instance. Out: the project and the number within it, or the instance.
//! Never guesses between projects or instances: the error names the candidates.

use clap::Args;
use clickhouse::Client;

use crate::report::{one_project, refused};

/// The instance of an id that is unique within an instance.
#[derive(Debug, Args)]
pub(super) struct GitLabArgs {
    /// GitLab instance, such as `https://gitlab.example.com`; needed where several have this number
    #[arg(long, value_name = "URL")]
    gitlab: Option<String>,
}

impl GitLabArgs {
    /// The instance that has something with this number, found by a query for those that do; `None` if there is none.
    pub(super) async fn having(
        &self,
        client: &Client,
        what: &str,
        sql: &str,
        number: u64,
    ) -> anyhow::Result<Option<String>> {
        let query = client.query(sql).param("number", number);
        let found: Vec<String> = query.fetch_all().await.map_err(refused)?;
        let named = self.gitlab.as_deref().map(|url| url.trim_end_matches('/'));
        let of: Vec<&String> =
            found.iter().filter(|instance| named.is_none_or(|named| named == *instance)).collect();
        match of.as_slice() {
            [] if named.is_some() && !found.is_empty() => Err(anyhow::anyhow!(
                "{what} {number} belongs to {}, not to {}",
                found.join(" and "),
                named.unwrap_or_default()
            )),
            [] => Ok(None),
            [only] => Ok(Some((*only).clone())),
            _ => Err(anyhow::anyhow!(
                "several GitLab instances have a {what} {number}: choose one with --gitlab {}",
                found.join(" or ")
            )),
        }
    }
}

/// A merge request or an issue of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing {
    /// Path or id of the project.
    pub(super) project: String,
    /// Number within the project.
    pub(super) iid: u64,
}

/// A project in the views.
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
