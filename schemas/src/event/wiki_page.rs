//! Wiki Page Hook (<https://docs.gitlab.com/user/project/integrations/webhook_events/#wiki-page-events>).

use serde::Deserialize;

use super::User;
use crate::field::{Embedded, Field};

/// The payload of a wiki page event. It has no time.
#[derive(Debug, Default, Deserialize)]
pub struct WikiPage {
    #[serde(default)]
    pub user: Embedded<User>,
    #[serde(default)]
    pub object_attributes: Embedded<Attributes>,
}

/// `object_attributes` of a wiki page event.
#[derive(Debug, Default, Deserialize)]
pub struct Attributes {
    /// Path of the page within the wiki.
    #[serde(default)]
    pub slug: Field<String>,
    #[serde(default)]
    pub title: Field<String>,
    /// Kept only in `events`.
    #[serde(default)]
    pub content: Field<String>,
    /// `markdown`, `rdoc`, `asciidoc` or `org`.
    #[serde(default)]
    pub format: Field<String>,
    #[serde(default)]
    pub message: Field<String>,
    #[serde(default)]
    pub url: Field<String>,
    /// `create`, `update` or `delete`.
    #[serde(default)]
    pub action: Field<String>,
    /// Commit of the wiki; absent in old versions. A deletion names the last commit before it.
    #[serde(default)]
    pub version_id: Field<String>,
}
