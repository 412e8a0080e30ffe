//! The GitLab instance of an event. In: URLs as written by people and by GitLab. Out: the normal form that ids and keys are made from. Never asks
//! the network.

use http::Uri;
use uuid::Uuid;

/// The instance if neither the tenant's configuration nor the event names one.
pub const UNKNOWN_INSTANCE: &str = "unknown";

/// The instance of test events. No GitLab can have this name.
pub const TEST_INSTANCE: &str = "urn:gitpulse:test";

/// The longest URL of an instance, in bytes. The URL is in every row.
const MAX_INSTANCE_LENGTH: usize = 512;

/// An instance's URL in the normal form that ids and keys are made from: scheme, lower-case host, port unless it is the scheme's default, and path
/// without a slash at the end. `None` if it is not an HTTP URL.
pub fn normal_instance(url: &str) -> Option<String> {
    let uri: Uri = url.trim().parse().ok()?;
    if url.len() > MAX_INSTANCE_LENGTH {
        return None;
    }
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let host = uri.host()?.to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = uri.port_u16().filter(|port| *port != usual);
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}{}", uri.path().trim_end_matches('/')))
}

/// The instance of a page: the page's URL without credentials, and of its path only the part before `path`, the path of a project or of a group's
/// pages, since GitLab may be under a sub-path of its host. If `path` is not found, the instance has no path. `None` if it is not an HTTP URL.
pub(crate) fn instance_of_page(url: &str, path: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let page = uri.path().trim_end_matches('/');
    let below = match path {
        // Pages of a group: nothing else at the top level has this name.
        "" => page
            .split_once("/-/")
            .and_then(|(place, _)| place.split_once("/groups/"))
            .map_or("", |(below, _)| below),
        path => {
            let of_project = page.split_once("/-/").map_or(page, |(place, _)| place);
            of_project.strip_suffix(path).and_then(|below| below.strip_suffix('/')).unwrap_or_default()
        }
    };
    let host = uri.authority()?.as_str().rsplit('@').next()?;
    normal_instance(&format!("{}://{host}{below}", uri.scheme_str()?))
}

/// The host of a URL in lower case, if it has one.
pub(crate) fn host(url: &str) -> Option<String> {
    url.parse::<Uri>().ok()?.host().map(str::to_ascii_lowercase)
}

/// The UUID namespace for the ids of an instance's events.
pub(crate) fn instance_namespace(instance: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, instance.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Option<&str>) {
        assert_eq!(normal_instance(url).as_deref(), expected, "{url}");
    }

    #[test]
    fn an_instance_has_one_form() {
        check("https://gitlab.example.com", Some("https://gitlab.example.com"));
        check(" https://GitLab.Example.com/ ", Some("https://gitlab.example.com"));
        check("https://gitlab.example.com:443/", Some("https://gitlab.example.com"));
        check("http://gitlab.example.com:80", Some("http://gitlab.example.com"));
        check("https://gitlab.example.com:8443//", Some("https://gitlab.example.com:8443"));
        check("https://example.com/gitlab/", Some("https://example.com/gitlab"));
    }

    #[test]
    fn what_is_no_http_url_is_no_instance() {
        check("gitlab.example.com", None);
        check("ftp://gitlab.example.com", None);
        check("urn:gitpulse:test", None);
        check("", None);
        check(&format!("https://{}.example.com", "a".repeat(MAX_INSTANCE_LENGTH)), None);
    }

    #[test]
    fn a_gitlab_can_be_below_a_path_of_its_host() {
        let of = |page: &str, path: &str| instance_of_page(page, path).unwrap();
        let project = "https://forge.example.org/gitlab/shop/checkout";
        assert_eq!(of(project, "shop/checkout"), "https://forge.example.org/gitlab");
        assert_eq!(
            of(&format!("{project}/-/merge_requests/7"), "shop/checkout"),
            "https://forge.example.org/gitlab"
        );
        assert_eq!(
            of("https://forge.example.org/shop/checkout", "shop/checkout"),
            "https://forge.example.org"
        );
        assert_eq!(
            of("https://forge.example.org/gitlab/groups/shop/-/work_items/4", ""),
            "https://forge.example.org/gitlab"
        );
        assert_eq!(
            of("https://gitlab.example.com/groups/shop/-/work_items/4", ""),
            "https://gitlab.example.com"
        );
        // For another project, or one whose name has the same end, nothing is known.
        assert_eq!(of(project, "shop/ledger"), "https://forge.example.org");
        assert_eq!(
            of("https://forge.example.org/workshop/checkout", "shop/checkout"),
            "https://forge.example.org"
        );
    }

    #[test]
    fn a_page_is_on_an_instance() {
        let page = "https://ada:s3cret@GitLab.example.com:8443/shop/checkout";
        assert_eq!(instance_of_page(page, "").as_deref(), Some("https://gitlab.example.com:8443"));
        assert_eq!(instance_of_page("/shop/checkout", ""), None);
        assert_eq!(host(page).as_deref(), Some("gitlab.example.com"));
    }
}
