//! An invented GitLab: groups, projects and people, and their history over a commit graph. In: a seed and a size. Out: any object at any moment, and
//! its truth. Shares no code with what it judges, and holds only a few sprints at a time, whatever its size.
//!
//! `dice` makes numbers from a seed and a place; `size` is the size of a world; `people` and `tree` are its people, groups and projects; `plan` plans
//! a sprint, `grow` simulates it, `sprint` is the result; `world` finds sprints and names their objects; `places` has what belongs to more than one
//! sprint; `life` has the notes of a merge request's actors; `delivery` is what was found for a deployment; `truth` is what tables and metrics have
//! to show; `hooks` is what GitLab would have sent.

mod delivery;
mod deployment;
mod dice;
mod grow;
pub mod hooks;
mod issue;
mod life;
mod merge_request;
mod names;
mod people;
mod pipeline;
mod places;
mod plan;
mod size;
mod sprint;
pub mod text;
mod tree;
pub mod truth;
mod world;

#[cfg(test)]
mod tests;

pub use delivery::{Change, Delivery, Standing, Way};
pub use deployment::{Deployment, OVERSEAS, PRODUCTION, REVIEW, STAGING};
pub(crate) use dice::DAY;
pub use dice::{Millis, Sha};
pub use issue::{Issue, IssueState, IssueStep, IssueWhat};
pub use life::Life;
pub use merge_request::{Draft, MergeRequest, MergeRequestState, Noted, Step, Story, What};
pub(crate) use names::{environment, tier};
pub use people::Person;
pub(crate) use people::everybody;
pub use pipeline::{Job, Pipeline, PipelineState, Status, Trigger};
pub(crate) use places::{
    EnvironmentPlace, Head, Quarter, branches, environment_id, environment_times, environments,
    last_activity, moved_to, quarters, shared_with,
};
pub use size::{SPRINT_DAYS, WorldConfig};
pub use sprint::{
    Activity, Commit, Happened, Made, Note, Noteable, Push, Ref, Sizes, Sprint, StateEvent, Tag,
};
pub use tree::{Group, MergeMethod, Project, Special};
pub(crate) use tree::{PROJECT_MEMBERS, members, people};
pub use world::{Place, World};
