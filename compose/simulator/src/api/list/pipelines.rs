//! Pipelines, jobs and deployments. In: a query. Out: a page. Jobs are paged by keys in one direction only, as in GitLab.

use std::sync::Arc;

use super::super::page::{MAX_OFFSET, Next, Page};
use super::super::refusal::Refusal;
use super::{Chosen, Listed, Lister, Sprints, is_within, select};
use crate::gitlab::{Millis, Place, Sprint, environment};

impl Lister<'_> {
    /// Pipelines of the project. Child pipelines are only listed if they are requested.
    pub(in crate::api) fn pipelines(&self) -> Listed {
        let scribe = &self.scribe;
        let by_update = self.query.get("order_by") == Some("updated_at");
        let sprints = Sprints::of(scribe.world, scribe.now, self.updated(), self.query.is_ascending());
        let filters =
            ["status", "source", "ref", "sha", "scope", "updated_after", "updated_before", "created_after"];
        let is_plain = filters.iter().all(|filter| self.query.get(filter).is_none());
        let known =
            |sprint| self.known(sprint, |sizes| sizes.pipelines - sizes.children).filter(|_| is_plain);
        let selection = select(&sprints, (self.paging.skip(), self.paging.per_page), known, |sprint| {
            self.chosen_pipelines(sprint, by_update)
        });
        Ok(selection.page(self.paging, |sprint, number| scribe.pipeline(sprint, number)))
    }

    fn chosen_pipelines(&self, sprint: u32, by_update: bool) -> Vec<Chosen> {
        let (now, query, updated) = (self.scribe.now, self.query, self.updated());
        let made = self.scribe.world.sprint(self.scribe.project.index, sprint);
        let created = (query.time("created_after"), query.time("created_before"));
        let mut chosen: Vec<(Millis, u32)> = Vec::new();
        for (pipeline, number) in made.pipelines.iter().zip(0..) {
            let Some(state) = pipeline.at(now) else {
                continue;
            };
            let is_asked = is_within(state.updated_at, updated)
                && is_within(pipeline.created_at, created)
                && query.get("source").map_or(pipeline.parent.is_none(), |asked| asked == pipeline.source)
                && query.get("status").is_none_or(|asked| asked == state.status.as_str())
                && query.get("sha").is_none_or(|asked| asked == pipeline.sha.to_string())
                && query.get("ref").is_none_or(|asked| asked == self.scribe.ref_of(&made, pipeline));
            if is_asked {
                chosen.push((state.updated_at, number));
            }
        }
        if by_update {
            // Without a tie-breaker: rows of one moment come in another order on another page.
            let page = self.paging.page;
            chosen.sort_unstable_by_key(|(at, number)| {
                (*at, u64::from(*number).wrapping_mul(page.wrapping_mul(2) + 1) % 7)
            });
        }
        chosen.into_iter().map(|(_, number)| Chosen { sprint: made.clone(), number }).collect()
    }

    /// A pipeline, job or deployment by its id, if it exists in the project.
    pub(in crate::api) fn place(
        &self,
        id: u64,
        is_there: impl Fn(&Sprint, u32) -> bool,
    ) -> Result<(Arc<Sprint>, u32), Refusal> {
        let not_found = Refusal::NotFound("404 Not found");
        let Some(Place { project, sprint, number }) = self.scribe.world.place(id) else {
            return Err(not_found);
        };
        if project != self.scribe.project.index {
            return Err(not_found);
        }
        let sprint = self.scribe.world.sprint(project, sprint);
        if is_there(&sprint, number) { Ok((sprint, number)) } else { Err(not_found) }
    }

    /// A pipeline by its id.
    pub(in crate::api) fn pipeline_place(&self, id: u64) -> Result<(Arc<Sprint>, u32), Refusal> {
        let now = self.scribe.now;
        self.place(id, |sprint, number| {
            sprint.pipelines.get(number as usize).is_some_and(|pipeline| pipeline.is_there(now))
        })
    }

    /// A deployment by its id.
    pub(in crate::api) fn deployment_place(&self, id: u64) -> Result<(Arc<Sprint>, u32), Refusal> {
        let now = self.scribe.now;
        self.place(id, |sprint, number| {
            sprint.deployments.get(number as usize).is_some_and(|deployment| deployment.created_at <= now)
        })
    }

    /// Jobs of the project, including retried ones but not trigger jobs.
    pub(in crate::api) fn jobs(&self) -> Listed {
        let scribe = &self.scribe;
        let is_keyset = self.query.get("pagination") == Some("keyset");
        let is_ordered = self.query.get("order_by").is_none_or(|order| order == "id");
        if is_keyset && (self.query.is_ascending() || !is_ordered) {
            return Err(Refusal::KeysetNotAvailable);
        }
        if is_keyset {
            return Ok(self.jobs_by_key());
        }
        if self.paging.skip() >= MAX_OFFSET {
            return Err(Refusal::OffsetTooLarge("Ci::Build"));
        }
        let scopes = self.query.all("scope");
        let sprints = Sprints::of(scribe.world, scribe.now, (None, None), false);
        let known = |sprint| self.known(sprint, |sizes| sizes.jobs).filter(|_| scopes.is_empty());
        let selection = select(&sprints, (self.paging.skip(), self.paging.per_page), known, |sprint| {
            let made = scribe.world.sprint(scribe.project.index, sprint);
            let numbers = (0..made.jobs.len() as u32).filter(|number| self.is_job(&made, *number, &scopes));
            numbers.map(|number| Chosen { sprint: made.clone(), number }).collect()
        });
        Ok(selection.page(self.paging, |sprint, number| scribe.job(sprint, number)))
    }

    /// A page behind the job that the cursor names: reads no more jobs than it has rows.
    fn jobs_by_key(&self) -> Page {
        let (scribe, scopes) = (&self.scribe, self.query.all("scope"));
        let index = scribe.project.index;
        let cursor = self.query.get("cursor").and_then(|cursor| scribe.world.place(cursor.parse().ok()?));
        let (mut next, mut end) = match cursor {
            None => (Some(scribe.world.config().sprint_at(scribe.now)), u32::MAX),
            Some(place) if place.project == index => (Some(place.sprint), place.number),
            // Ids of later projects are higher in each sprint.
            Some(place) if place.project > index => (Some(place.sprint), u32::MAX),
            Some(place) => (place.sprint.checked_sub(1), u32::MAX),
        };
        // One row more says whether there is a next page.
        let (mut rows, take) = (Vec::new(), self.paging.per_page as usize);
        while let Some(sprint) = next.filter(|_| rows.len() <= take) {
            let made = scribe.world.sprint(index, sprint);
            let numbers = (0..end.min(made.jobs.len() as u32)).rev();
            let left = take + 1 - rows.len();
            let asked = numbers.filter(|number| self.is_job(&made, *number, &scopes)).take(left);
            rows.extend(asked.map(|number| Chosen { sprint: made.clone(), number }));
            (next, end) = (sprint.checked_sub(1), u32::MAX);
        }
        let is_more = rows.len() > take;
        rows.truncate(take);
        let last = rows.last().map(|row| scribe.world.id_in(&row.sprint, row.number));
        let next = match last {
            Some(id) if is_more => Next::After(vec![("cursor", id.to_string())]),
            _ => Next::None,
        };
        let text = scribe.jobs(&rows);
        let unwritten = if text.is_some() { &[][..] } else { &rows[..] };
        let rows = unwritten.iter().filter_map(|row| scribe.job(&row.sprint, row.number)).collect();
        Page { rows, text, total: None, next }
    }

    fn is_job(&self, sprint: &Sprint, number: u32, scopes: &[&str]) -> bool {
        let job = sprint.jobs.get(number as usize).filter(|job| !job.is_trigger());
        let status = job.and_then(|job| job.status(self.scribe.now));
        status.is_some_and(|status| scopes.is_empty() || scopes.contains(&status.as_str()))
    }

    /// Jobs of a pipeline; retried ones if they are requested.
    pub(in crate::api) fn pipeline_jobs(&self, sprint: &Arc<Sprint>, pipeline: u32) -> Listed {
        let with_retried = self.query.says("include_retried") == Some(true);
        self.jobs_of(sprint, pipeline, |job, now| {
            !job.is_trigger() && (with_retried || job.retried_at.is_none_or(|at| at > now))
        })
    }

    /// Trigger jobs of a pipeline.
    pub(in crate::api) fn trigger_jobs(&self, sprint: &Arc<Sprint>, pipeline: u32) -> Listed {
        self.jobs_of(sprint, pipeline, |job, _| job.is_trigger())
    }

    fn jobs_of(
        &self,
        sprint: &Arc<Sprint>,
        pipeline: u32,
        is_asked: impl Fn(&crate::gitlab::Job, Millis) -> bool,
    ) -> Listed {
        let now = self.scribe.now;
        let owner = sprint.pipelines.get(pipeline as usize).ok_or(Refusal::NotFound("404 Not found"))?;
        let rows = (owner.jobs.iter().rev())
            .filter(|job| {
                let job = sprint.jobs.get(**job as usize);
                job.is_some_and(|job| job.status(now).is_some() && is_asked(job, now))
            })
            .filter_map(|job| self.scribe.job(sprint, *job))
            .collect();
        Ok(Page::cut(rows, self.paging))
    }

    /// Deployments of the project.
    pub(in crate::api) fn deployments(&self) -> Listed {
        let (scribe, query) = (&self.scribe, self.query);
        let order = query.get("order_by").unwrap_or("id");
        let updated = self.updated();
        if updated != (None, None) && order != "updated_at" {
            return Err(Refusal::BadRequest("`updated_at` filter and `updated_at` sorting must be paired"));
        }
        let finished = (query.time("finished_after"), query.time("finished_before"));
        if (finished != (None, None) || order == "finished_at") && query.get("status") != Some("success") {
            return Err(Refusal::BadRequest(
                "`finished_at` filter must be combined with `success` status filter.",
            ));
        }
        // GitLab orders ascending unless it is asked otherwise.
        let is_ascending = query.get("sort") != Some("desc");
        let sprints = Sprints::of(scribe.world, scribe.now, updated, is_ascending);
        let is_plain = ["environment", "status", "updated_after", "updated_before"]
            .iter()
            .all(|filter| query.get(filter).is_none());
        let known = |sprint| self.known(sprint, |sizes| sizes.deployments).filter(|_| is_plain);
        let selection = select(&sprints, (self.paging.skip(), self.paging.per_page), known, |sprint| {
            let made = scribe.world.sprint(scribe.project.index, sprint);
            let mut chosen: Vec<(Millis, u32)> = Vec::new();
            for (deployment, number) in made.deployments.iter().zip(0..) {
                let (Some(status), Some(updated_at)) =
                    (deployment.status(scribe.now), deployment.updated_at(scribe.now))
                else {
                    continue;
                };
                let name = environment(scribe.project, sprint, deployment.environment);
                let is_asked = is_within(updated_at, updated)
                    && is_within(deployment.finished_at, finished)
                    && query.get("environment").is_none_or(|asked| asked == name)
                    && query.get("status").is_none_or(|asked| asked == status.as_str());
                if is_asked {
                    let key = match order {
                        "updated_at" => updated_at,
                        "finished_at" => deployment.finished_at,
                        _ => deployment.created_at,
                    };
                    chosen.push((key, number));
                }
            }
            // For equal times, the higher id comes first in either direction.
            chosen.sort_unstable_by_key(|(at, number)| {
                (*at, if is_ascending { u32::MAX - *number } else { *number })
            });
            chosen.into_iter().map(|(_, number)| Chosen { sprint: made.clone(), number }).collect()
        });
        Ok(selection.page(self.paging, |sprint, number| scribe.deployment(sprint, number)))
    }

    /// Merge requests that GitLab links to a deployment.
    pub(in crate::api) fn deployment_merge_requests(&self, sprint: &Arc<Sprint>, number: u32) -> Listed {
        let deployment = sprint.deployments.get(number as usize).ok_or(Refusal::NotFound("404 Not found"))?;
        let links = deployment.links(self.scribe.now).iter();
        let rows = links.filter_map(|request| self.scribe.merge_request(sprint, *request)).collect();
        Ok(Page::cut(rows, self.paging))
    }

    /// Environments of the project.
    pub(in crate::api) fn environments(&self) -> Listed {
        let rows =
            self.scribe.environments().into_iter().map(|place| self.scribe.environment(place)).collect();
        Ok(Page::cut(rows, self.paging))
    }
}
