//! Hard cases of delivery metrics, each with its right answer: see `docs/METRICS.md`.
//!
//! A `story` states what happened in one project and tells it through both faces of GitLab. `measure` stores what one face, the other, or both
//! tell, in several orders, and reads the views that measure. A test's name begins with the number of its case.

mod deployments;
mod issues;
mod measure;
mod pipelines;
mod review;
mod runs;
pub(crate) mod story;
mod work;
mod world;
