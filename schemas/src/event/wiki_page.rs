//! Wiki Page Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#wiki-page-events>).

use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field};

/// The payload of a wiki page event. It carries no time.
#[derive(Debug, Default, Deserialize)]
pub struct WikiPage {
    /// Who did it.
    #[serde(default)]
    pub user: Embedded<User>,
    /// The page.
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
}

/// `object_attributes` of a wiki page event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// Path of the page within the wiki.
    #[serde(default)]
    pub slug: Field<String>,
    /// Title.
    #[serde(default)]
    pub title: Field<String>,
    /// The page. It stays in `events`.
    #[serde(default)]
    pub content: Field<String>,
    /// `markdown`, `rdoc`, `asciidoc` or `org`.
    #[serde(default)]
    pub format: Field<String>,
    /// Message of the commit.
    #[serde(default)]
    pub message: Field<String>,
    /// The page's address.
    #[serde(default)]
    pub url: Field<String>,
    /// `create`, `update` or `delete`.
    #[serde(default)]
    pub action: Field<String>,
    /// Commit of the wiki; absent from old versions. A deletion names the last one before it.
    #[serde(default)]
    pub version_id: Field<String>,
}
