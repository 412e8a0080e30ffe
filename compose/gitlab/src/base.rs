//! The one GitLab that the token is for. In: the configured address, paths, links of pages. Out: URLs of that GitLab, or a refusal. Never a URL of
//! another scheme, host or port, or above the path under which GitLab is installed.

use reqwest::Url;
use schemas::instance::normal_instance;

use crate::config::ConfigError;
use crate::error::FetchError;
use crate::limit::Site;

/// Scheme, host, port, and the path under which GitLab is installed.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// Without a slash at the end.
    normal: String,
    url: Url,
}

impl Base {
    /// Reads a configured address.
    pub(crate) fn parse(text: &str) -> Result<Base, ConfigError> {
        let url: Url = text.trim().parse().map_err(|_| ConfigError::Url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConfigError::UrlCredentials);
        }
        let ends_in_api = url.path().trim_end_matches('/').ends_with("/api/v4");
        if url.query().is_some() || url.fragment().is_some() || ends_in_api {
            return Err(ConfigError::UrlRest);
        }
        // The form from which ids of events are made: objects of the API must belong to the same instance as webhooks.
        let normal = normal_instance(text).ok_or(ConfigError::Url)?;
        let url: Url = normal.parse().map_err(|_| ConfigError::Url)?;
        if url.host_str().is_none() {
            return Err(ConfigError::Url);
        }
        Ok(Base { normal, url })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.normal
    }

    pub(crate) fn site(&self) -> Site {
        match self.url.host_str() {
            Some("gitlab.com") => Site::GitLabCom,
            Some(_) | None => Site::SelfManaged,
        }
    }

    /// Whether the token can be read on the way.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The URL of a path of REST, with an encoded query.
    pub(crate) fn rest(&self, path: &str, query: &str) -> Result<Url, FetchError> {
        self.under("/api/v4/", path, query)
    }

    /// The URL of GraphQL.
    pub(crate) fn graphql(&self) -> Result<Url, FetchError> {
        self.under("/api/", "graphql", "")
    }

    fn under(&self, root: &str, path: &str, query: &str) -> Result<Url, FetchError> {
        if path.is_empty() || path.starts_with('/') || path.contains(['?', '#', '\\', ' ']) {
            return Err(FetchError::Path);
        }
        let mut url: Url = format!("{}{root}{path}", self.normal).parse().map_err(|_| FetchError::Path)?;
        // A path with dots would leave it.
        let is_inside = url.origin() == self.url.origin()
            && url.path().starts_with(&format!("{}{root}", self.url.path().trim_end_matches('/')));
        if !is_inside || path.split('/').any(is_no_name) {
            return Err(FetchError::Path);
        }
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        Ok(url)
    }

    /// The query of a link to the next page. Only the query: behind proxies GitLab writes links with a wrong scheme or port
    /// (<https://gitlab.com/gitlab-org/gitlab/-/issues/28130>).
    pub(crate) fn next_query(&self, link: &str) -> Result<String, FetchError> {
        let unreadable = || FetchError::ForeignLink { host: "nowhere".to_owned(), base: self.normal.clone() };
        let link = self.url.join(link).map_err(|_| unreadable())?;
        let is_web = matches!(link.scheme(), "http" | "https");
        if !is_web || link.host_str() != self.url.host_str() {
            let host = link.host_str().unwrap_or(link.scheme()).to_owned();
            return Err(FetchError::ForeignLink { host, base: self.normal.clone() });
        }
        link.query().map(str::to_owned).ok_or_else(unreadable)
    }

    /// The target of a redirect, for a message: without query and credentials, and for another host only the host.
    pub(crate) fn redirect_target(&self, location: Option<&str>) -> String {
        let Some(Ok(target)) = location.map(|location| self.url.join(location)) else {
            return "nowhere".to_owned();
        };
        if target.origin() == self.url.origin() {
            return format!("{}{}", target.origin().ascii_serialization(), target.path());
        }
        match target.host_str() {
            Some(_) if matches!(target.scheme(), "http" | "https") => target.origin().ascii_serialization(),
            Some(_) | None => format!("{}:", target.scheme()),
        }
    }
}

/// An empty segment, or dots that lead up, encoded or not.
fn is_no_name(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "" | "." | "..")
}

#[cfg(test)]
mod tests;
