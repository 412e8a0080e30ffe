//! A GitLab that is invented: groups, projects and people, and what happened in them over a commit graph. In: a seed and a size. Out: any
//! object as it was at any moment, and what has to be true of it. Shares no code with what it judges, and holds a few sprints at a time,
//! however large it is.
//!
//! `dice` makes numbers of a seed and a place, `size` says how large a world is, `people` and `tree` who and what there is, `plan`
//! what will happen in a sprint, `grow` lets it happen, `sprint` is what came of it, `world` finds sprints and names their objects, `places` what
//! belongs to more than one,
//! `life` is what actors note of a merge request while they act, `delivery` what was found of a deployment, `truth` says what tables have to show and
//! metrics have to say, `hooks` what GitLab would have sent.

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
