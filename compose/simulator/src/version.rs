//! The GitLab version that is simulated. In: a version. Out: its features. Covers only differences that matter here.

/// Versions between which the API differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 16.11: no keyset paging of issues, no times of approvals, no trigger jobs but as bridges, fewer fields in GraphQL.
    V16,
    /// 18.2: like 16, with the additions since.
    V18,
    /// 19.3: keyset paging of issues, times of approvals, trigger jobs, filters by the time of merging.
    V19,
}

impl Version {
    /// In the format of `/version`.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::V16 => "16.11.2-ee",
            Version::V18 => "18.2.1-ee",
            Version::V19 => "19.3.0-ee",
        }
    }

    /// `/pipelines/:id/trigger_jobs` came with 19.2 (<https://docs.gitlab.com/api/jobs/>); `bridges` is there in all.
    pub(crate) fn has_trigger_jobs(self) -> bool {
        self >= Version::V19
    }

    /// Keyset paging of a project's issues came with 18.3 (<https://docs.gitlab.com/api/rest/>).
    pub(crate) fn has_keyset_issues(self) -> bool {
        self >= Version::V19
    }

    /// The log of a hook came with 17.3 (<https://docs.gitlab.com/api/project_webhooks/>).
    pub(crate) fn has_hook_log(self) -> bool {
        self >= Version::V18
    }

    /// `approved_at` came with about 18.5.
    pub(crate) fn has_approved_at(self) -> bool {
        self >= Version::V19
    }

    /// `merged_after` and `merged_before` came with 19.3.
    pub(crate) fn has_merged_filters(self) -> bool {
        self >= Version::V19
    }

    /// The path of an issue's page: `work_items` since 18.x, as in links.
    pub(crate) fn issues_page(self) -> &'static str {
        if self >= Version::V19 { "work_items" } else { "issues" }
    }

    /// Times of an environment, and of an annotated tag.
    pub(crate) fn has_created_at_of_refs(self) -> bool {
        self >= Version::V18
    }
}
