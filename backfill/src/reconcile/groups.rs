//! The groups whose hooks are looked at. In: what the user names. Out: each group once, with its subgroups.

use std::collections::BTreeMap;

use gitlab::{Client, FetchError, Limit, segment};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::run::Group;

#[derive(Deserialize)]
struct Listed {
    id: u64,
    full_path: String,
}

/// The groups of these names, and those in them.
pub async fn groups(client: &Client, names: &[String]) -> Result<Vec<Group>, FetchError> {
    let mut found = BTreeMap::new();
    let mut add = |object: &RawValue| {
        let Ok(Listed { id, full_path }) = serde_json::from_str(object.get()) else {
            return Err(FetchError::Shape { expected: "a group" });
        };
        found.insert(id, Group { id, full_path });
        Ok(())
    };
    for name in names {
        let path = format!("groups/{}", segment(name.trim_matches('/')));
        add(&*client.object(Limit::Group, &path, &[("with_projects", "false".to_owned())]).await?)?;
        let query = [("per_page", "100".to_owned())];
        let mut page = client.list(Limit::Groups, &format!("{path}/descendant_groups"), &query).await?;
        loop {
            for object in &page.items {
                add(object)?;
            }
            let Some(next) = &page.next else { break };
            page = client.next(next).await?;
        }
    }
    Ok(found.into_values().collect())
}
