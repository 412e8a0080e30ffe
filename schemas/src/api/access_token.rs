//! Tokens as listed by the API: of projects and groups (<https://docs.gitlab.com/api/project_access_tokens/>), of people
//! (<https://docs.gitlab.com/api/personal_access_tokens/>), and deploy tokens (<https://docs.gitlab.com/api/deploy_tokens/>).

use serde::Deserialize;

use crate::event::access_token::{AccessToken, Attributes};
use crate::field::Embedded;

/// A token, with the fields of `object_attributes`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Listed(Attributes);

impl From<Listed> for AccessToken {
    fn from(Listed(attributes): Listed) -> Self {
        AccessToken { object_attributes: Embedded::from(attributes), ..AccessToken::default() }
    }
}
