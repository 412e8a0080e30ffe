use super::*;

fn base(url: &str) -> Base {
    Base::parse(url).unwrap()
}

#[track_caller]
fn check_next(configured: &str, link: &str, expected: Result<&str, &str>) {
    let found = base(configured).next_query(link);
    let found = found.as_deref().map_err(ToString::to_string);
    match expected {
        Ok(query) => assert_eq!(found, Ok(query), "{link}"),
        Err(text) => assert!(found.as_ref().is_err_and(|found| found.contains(text)), "{link}: {found:?}"),
    }
}

#[test]
fn an_address_has_one_form() {
    for url in
        ["https://GitLab.example.com", " https://gitlab.example.com/ ", "https://gitlab.example.com:443"]
    {
        assert_eq!(base(url).as_str(), "https://gitlab.example.com");
    }
    assert_eq!(base("http://example.com:8080/gitlab/").as_str(), "http://example.com:8080/gitlab");
    assert_eq!(base("https://gitlab.com").site(), Site::GitLabCom);
    assert_eq!(base("https://gitlab.example.com").site(), Site::SelfManaged);
}

#[test]
fn what_is_no_address_of_a_gitlab_is_refused() {
    for url in ["gitlab.example.com", "ftp://gitlab.example.com", "", "https://", "file:///etc/passwd"] {
        assert!(matches!(Base::parse(url), Err(ConfigError::Url)), "{url}");
    }
    for url in ["https://ada@gitlab.example.com", "https://ada:s3cret@gitlab.example.com"] {
        let error = Base::parse(url).unwrap_err();
        assert!(matches!(error, ConfigError::UrlCredentials) && !error.to_string().contains("s3cret"));
    }
    for rest in ["?private_token=s3cret", "#top", "/api/v4", "/api/v4/"] {
        let error = Base::parse(&format!("https://gitlab.example.com{rest}")).unwrap_err();
        assert!(matches!(error, ConfigError::UrlRest) && !error.to_string().contains("s3cret"), "{rest}");
    }
}

#[test]
fn urls_lie_under_the_configured_address() {
    let under = base("https://example.com:8443/gitlab");
    let url = under.rest("projects/42/jobs", "per_page=100").unwrap();
    assert_eq!(url.as_str(), "https://example.com:8443/gitlab/api/v4/projects/42/jobs?per_page=100");
    assert_eq!(under.graphql().unwrap().as_str(), "https://example.com:8443/gitlab/api/graphql");
    let group = base("https://gitlab.example.com").rest("groups/shop%2Fcheckout/projects", "").unwrap();
    assert_eq!(group.as_str(), "https://gitlab.example.com/api/v4/groups/shop%2Fcheckout/projects");
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let base = base("https://example.com/gitlab");
    for path in [
        "",
        "/projects",
        "//evil.example/x",
        "projects//x",
        "../../x",
        "projects/%2e%2E/%2e%2e/%2e%2e/x",
        "projects/./x",
        "projects/1?private_token=x",
        "projects#x",
        "projects\\..\\..\\x",
        "projects/a b",
        "projects/",
    ] {
        assert!(matches!(base.rest(path, ""), Err(FetchError::Path)), "{path}");
    }
}

#[test]
fn of_a_link_only_the_query_is_taken() {
    let configured = "https://gitlab.example.com";
    let query = "page=2&per_page=100";
    for start in [
        "https://gitlab.example.com/api/v4/projects",
        "http://gitlab.example.com/api/v4/projects",
        "https://GITLAB.example.com:8443/elsewhere",
        "/api/v4/projects",
        "",
    ] {
        check_next(configured, &format!("{start}?{query}"), Ok(query));
    }
}

#[test]
fn a_link_to_another_host_is_refused() {
    let configured = "https://gitlab.example.com";
    for link in [
        "https://evil.example/api/v4/projects?page=2",
        "//evil.example/api/v4/projects?page=2",
        "https://gitlab.example.com.evil.example/?page=2",
        "https://gitlab.example.com@evil.example/?page=2",
        "\\\\evil.example\\?page=2",
    ] {
        check_next(configured, link, Err("the next page is said to be on"));
    }
    check_next(configured, "file:///etc/passwd?page=2", Err("said to be on file"));
    check_next(configured, "javascript:alert(1)?page=2", Err("said to be on javascript"));
    check_next(configured, "https://gitlab.example.com/api/v4/projects", Err("nowhere"));
    check_next(configured, "https://[", Err("nowhere"));
}

#[test]
fn a_redirect_is_named_without_what_could_be_secret() {
    let base = base("https://gitlab.example.com");
    let check = |location, expected: &str| assert_eq!(base.redirect_target(location), expected);
    check(None, "nowhere");
    check(Some("/users/sign_in?token=s3cret"), "https://gitlab.example.com/users/sign_in");
    check(Some("https://ada:s3cret@evil.example/s3cret?s3cret#s3cret"), "https://evil.example");
    check(Some("http://gitlab.example.com/s3cret"), "http://gitlab.example.com");
    check(Some("mailto:ada@example.com"), "mailto:");
}
