//! Rows of a wiki page. In: an event of the page. Out: what happened to it. The page's content is only kept in `events`.

use clickhouse::Row;
use schemas::event::wiki_page::{Attributes, WikiPage};
use schemas::field::Field;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::version::{Column, Columns, Version};
use super::{Provenance, Rows};
use crate::decode::Event;

/// A row of `wiki_page_event_facts`.
#[derive(Debug, Clone, Row, Serialize)]
pub struct WikiPageEventRow {
    pub(super) instance: String,
    pub(super) project_id: u64,
    pub(super) slug: String,
    pub(super) action: String,
    pub(super) version: String,
    pub(super) project_path: Option<String>,
    pub(super) title: Option<String>,
    pub(super) format: Option<String>,
    pub(super) message: Option<String>,
    pub(super) url: Option<String>,
    pub(super) actor_id: Option<u64>,
    pub(super) actor_username: Option<String>,
    pub(super) first_actor: Column<(Option<u64>, Option<String>)>,
    pub(super) tenants: Vec<String>,
    pub(super) origins: Vec<String>,
    pub(super) first_received_at: i64,
}

pub(super) fn rows(event: &Event, page: &WikiPage) -> Rows {
    let Some(attributes) = page.object_attributes.get() else {
        return Rows::default();
    };
    let actor_id = page.user.field(|user| &user.id);
    let actor_username = page.user.field(|user| &user.username).value().cloned();
    // A Test delivery reports the newest change again, with whoever clicked as its user. The actor received first is the real one.
    let first = Columns::at(Version::first(event.received_at), event.received_at);
    let Provenance { tenants, origins, received_at } = Provenance::of(event);
    let row = WikiPageEventRow {
        instance: event.instance.clone(),
        project_id: event.project_id,
        slug: attributes.slug.text().to_owned(),
        action: attributes.action.text().to_owned(),
        version: version(event, attributes),
        project_path: Some(event.project_path.clone()).filter(|path| !path.is_empty()),
        title: attributes.title.value().cloned(),
        format: attributes.format.value().cloned(),
        message: attributes.message.value().cloned(),
        url: attributes.url.value().cloned(),
        actor_id: actor_id.get(),
        first_actor: first.always((actor_id.get(), actor_username.clone())),
        actor_username,
        tenants,
        origins,
        first_received_at: received_at,
    };
    let unreadable = u64::from(matches!(actor_id, Field::Unreadable));
    Rows { wiki_page_events: vec![row], unreadable, ..Rows::default() }
}

/// The commit of the change, else a digest of the page's fields: two hooks send the same. The digest includes the path of the project, because old
/// bodies do not contain its id.
fn version(event: &Event, attributes: &Attributes) -> String {
    let commit = attributes.version_id.text();
    if !commit.is_empty() {
        return commit.to_owned();
    }
    let mut digest = Sha256::new();
    for text in [
        // If the key names the project by id, its path is left out: it may have changed.
        if event.project_id == 0 { event.project_path.as_str() } else { "" },
        attributes.title.text(),
        attributes.format.text(),
        attributes.message.text(),
        attributes.content.text(),
    ] {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    }
    let digits: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
