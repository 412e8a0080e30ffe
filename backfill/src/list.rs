//! The lists of GitLab. In: a project or group. Out: path, query and limit of each list, and how it is read. Makes no request.

use gitlab::Limit;
use schemas::api::resource::Resource;
use schemas::api::subject::{Context, Owner};

/// Objects per page, GitLab's maximum (<https://docs.gitlab.com/api/rest/#pagination>).
pub const PER_PAGE: usize = 100;

/// How a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the time of updates ([`crate::coverage`]).
    Updated,
    /// From the highest id down to the highest one of the last time ([`crate::keys`]).
    Keys,
    /// From its first page to its last, each time ([`crate::whole`]).
    Whole,
    /// One request for each thing that another list found ([`crate::pending`]).
    Each,
}

/// When a list is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// In every run, because nothing shows whether it changed.
    Always,
    /// After an event of the project, which moves `last_activity_at`.
    Activity,
    /// Once a day: it changes seldom.
    Daily,
}

/// Declares the lists. A row has the variant, its name, how it is read and what its objects are.
macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident $name:literal $way:ident $resource:ident;)*) => {
        /// A list of a project, or of a group.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum List {
            $($(#[$doc])* $list,)*
        }

        impl List {
            /// Every list, in the order in which they are read.
            pub const ALL: [List; [$($name),*].len()] = [$(List::$list),*];

            /// Its name, in settings, checkpoints and metric labels.
            pub fn as_str(self) -> &'static str {
                match self { $(List::$list => $name,)* }
            }

            /// How it is read.
            pub fn way(self) -> Way {
                match self { $(List::$list => Way::$way,)* }
            }

            /// What its objects are.
            pub fn resource(self) -> Resource {
                match self { $(List::$list => Resource::$resource,)* }
            }
        }
    };
}

lists! {
    /// Merge requests, in any state.
    MergeRequests "merge_requests" Updated MergeRequest;
    /// Notes of merge requests and the size of their changes, where GitLab has GraphQL for them.
    MergeRequestDetails "merge_request_details" Updated MergeRequest;
    /// Pipelines. Only GraphQL lists start, finish and duration.
    Pipelines "pipelines" Updated Pipeline;
    /// Pipelines that another pipeline started: the list of pipelines omits them unless it is asked for them alone
    /// (<https://docs.gitlab.com/api/pipelines/#list-project-pipelines>).
    ChildPipelines "child_pipelines" Updated Pipeline;
    /// Deployments.
    Deployments "deployments" Updated Deployment;
    /// Issues, in any state.
    Issues "issues" Updated Issue;
    /// Jobs, including retried ones, but not trigger jobs.
    Jobs "jobs" Keys Job;
    /// Pushes to branches and tags, of the last three years.
    Pushes "pushes" Keys PushEvent;
    /// Events of merge requests: opened, closed, merged, approved; of the last three years.
    MergeRequestEvents "merge_request_events" Keys MergeRequestEvent;
    /// Events of issues.
    IssueEvents "issue_events" Keys IssueEvent;
    /// Comments of people on anything; of the last three years.
    Notes "notes" Keys Note;
    /// Environments, with their tiers.
    Environments "environments" Whole Environment;
    /// Commits of the default branch, with the lines that they changed.
    Commits "commits" Whole Commit;
    /// Branches.
    Branches "branches" Whole Branch;
    /// Tags.
    Tags "tags" Whole Tag;
    /// Releases.
    Releases "releases" Whole Release;
    /// Milestones of the project.
    Milestones "milestones" Whole Milestone;
    /// Members of the project, those of its groups included.
    Members "members" Whole Member;
    /// Members of a group.
    GroupMembers "group_members" Whole Member;
    /// Milestones of a group.
    GroupMilestones "group_milestones" Whole Milestone;
    /// Single pipelines, with start, finish and duration, where GraphQL does not list them.
    PipelineDetails "pipeline_details" Each Pipeline;
    /// Jobs of pipelines that changed after their jobs were read.
    PipelineJobs "pipeline_jobs" Each Job;
    /// Trigger jobs of pipelines that started others.
    TriggerJobs "trigger_jobs" Each TriggerJob;
    /// The merge requests that a deployment contains.
    DeploymentMergeRequests "deployment_merge_requests" Each DeploymentMergeRequests;
    /// Notes of a merge request that has more of them than GraphQL gives at once, or of all merge requests where GraphQL gives none.
    MergeRequestNotes "merge_request_notes" Each Note;
    /// Notes of an issue that is older than a project's events.
    IssueNotes "issue_notes" Each Note;
    /// Commits of a merge request.
    MergeRequestCommits "merge_request_commits" Each MergeRequestCommits;
}

impl List {
    /// The list of this name.
    pub fn from_name(name: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.as_str() == name)
    }

    /// The lists that find the things for this one.
    pub fn sources(self) -> &'static [List] {
        match self {
            List::PipelineDetails | List::PipelineJobs | List::TriggerJobs => {
                &[List::Pipelines, List::ChildPipelines]
            }
            List::DeploymentMergeRequests => &[List::Deployments],
            List::MergeRequestNotes => &[List::MergeRequests, List::MergeRequestDetails],
            List::IssueNotes => &[List::Issues],
            List::MergeRequestCommits => &[List::MergeRequests],
            _ => &[],
        }
    }

    /// When it is read again.
    pub fn again(self) -> Again {
        match self {
            List::Pushes
            | List::MergeRequestEvents
            | List::IssueEvents
            | List::Notes
            | List::Commits
            | List::Branches
            | List::Tags => Again::Activity,
            List::Environments
            | List::Releases
            | List::Milestones
            | List::Members
            | List::GroupMembers
            | List::GroupMilestones => Again::Daily,
            List::MergeRequests
            | List::MergeRequestDetails
            | List::Pipelines
            | List::ChildPipelines
            | List::Deployments
            | List::Issues
            | List::Jobs
            | List::PipelineDetails
            | List::PipelineJobs
            | List::TriggerJobs
            | List::DeploymentMergeRequests
            | List::MergeRequestNotes
            | List::IssueNotes
            | List::MergeRequestCommits => Again::Always,
        }
    }

    /// Whether it is a list of groups.
    pub fn is_of_group(self) -> bool {
        matches!(self, List::GroupMembers | List::GroupMilestones)
    }

    /// The limit that its requests count against.
    pub fn limit(self) -> Limit {
        match self {
            List::Jobs => Limit::ProjectJobs,
            List::Members | List::GroupMembers => Limit::Members,
            _ => Limit::General,
        }
    }

    /// The owner of the objects it lists.
    pub fn context(self, owner: u64) -> Context {
        let owner = if self.is_of_group() { Owner::Group(owner) } else { Owner::Project(owner) };
        Context { owner, parent: None }
    }

    /// Its path, with the id of the project or group: a path would be redirected after a rename. `part` is the thing in question, for lists with one
    /// request per thing.
    pub fn path(self, owner: u64, part: u64) -> String {
        let below = match self {
            List::ChildPipelines | List::Pipelines => "pipelines".to_owned(),
            List::Pushes | List::MergeRequestEvents | List::IssueEvents | List::Notes => "events".to_owned(),
            List::Commits => "repository/commits".to_owned(),
            List::Branches => "repository/branches".to_owned(),
            List::Tags => "repository/tags".to_owned(),
            List::Members | List::GroupMembers => "members/all".to_owned(),
            List::GroupMilestones => "milestones".to_owned(),
            List::PipelineDetails => format!("pipelines/{part}"),
            List::PipelineJobs => format!("pipelines/{part}/jobs"),
            List::TriggerJobs => format!("pipelines/{part}/trigger_jobs"),
            List::DeploymentMergeRequests => format!("deployments/{part}/merge_requests"),
            List::MergeRequestNotes => format!("merge_requests/{part}/notes"),
            List::IssueNotes => format!("issues/{part}/notes"),
            List::MergeRequestCommits => format!("merge_requests/{part}/commits"),
            List::MergeRequestDetails => List::MergeRequests.as_str().to_owned(),
            List::MergeRequests
            | List::Deployments
            | List::Issues
            | List::Jobs
            | List::Environments
            | List::Releases
            | List::Milestones => self.as_str().to_owned(),
        };
        let owners = if self.is_of_group() { "groups" } else { "projects" };
        format!("{owners}/{owner}/{below}")
    }

    /// The query of its first page, without what its walk adds.
    ///
    /// Deployments can be filtered by `updated_at` only if they are sorted by it, and their filter by status has no value for all, which is the
    /// default (<https://docs.gitlab.com/api/deployments/>). Commits are never listed for all refs at once, because GitLab then repeats the first
    /// page (<https://gitlab.com/gitlab-org/gitlab/-/issues/586997>).
    pub fn query(self) -> Vec<(&'static str, String)> {
        let fixed: &[(&str, &str)] = match self {
            List::MergeRequests => &[("state", "all"), ("scope", "all"), ("with_labels_details", "true")],
            List::Issues => &[("state", "all"), ("scope", "all")],
            List::ChildPipelines => &[("source", "parent_pipeline")],
            List::Jobs => &[("pagination", "keyset"), ("order_by", "id"), ("sort", "desc")],
            List::Pushes => &[("action", "pushed")],
            List::MergeRequestEvents => &[("target_type", "merge_request")],
            List::IssueEvents => &[("target_type", "issue")],
            List::Notes => &[("target_type", "note")],
            List::Commits => &[("with_stats", "true")],
            List::Branches | List::Tags => &[("pagination", "keyset")],
            List::Releases => &[("order_by", "created_at"), ("sort", "asc")],
            List::PipelineJobs => &[("include_retried", "true")],
            List::MergeRequestNotes | List::IssueNotes => &[("order_by", "created_at"), ("sort", "asc")],
            List::MergeRequestDetails
            | List::Pipelines
            | List::PipelineDetails
            | List::Deployments
            | List::Environments
            | List::Milestones
            | List::Members
            | List::GroupMembers
            | List::GroupMilestones
            | List::TriggerJobs
            | List::DeploymentMergeRequests
            | List::MergeRequestCommits => &[],
        };
        let fixed = fixed.iter().map(|(name, value)| (*name, (*value).to_owned()));
        fixed.chain([("per_page", PER_PAGE.to_string())]).collect()
    }
}
