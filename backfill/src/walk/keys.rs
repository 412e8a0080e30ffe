//! Lists that are read from the highest id down. In: an unfinished walk. Out: its next page.

use chrono::Days;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Batch, Goal, Walk, WalkError, found, read};
use crate::checkpoint::{Outcome, Progress};
use crate::keys::Listed;
use crate::list::List;
use crate::publish::Item;
use crate::state::State;

impl Walk {
    pub(super) async fn keys(&self, progress: &mut Progress, goal: &Goal) -> Result<bool, WalkError> {
        let (list, owner_id) = (progress.list, progress.owner_id);
        let State::Keys(keys) = &mut progress.state else { return Ok(false) };
        let Some(open) = keys.next(goal.since, goal.until, goal.now) else { return Ok(false) };
        let path = list.path(owner_id, 0);
        let is_events = list != List::Jobs;
        let page = match open.next.clone() {
            Some(next) => self.client.next(&next).await?,
            None => {
                let mut query = list.query();
                if is_events {
                    // Days in the instance's time zone, both excluded (<https://docs.gitlab.com/api/events/>).
                    let after = open.since.date_naive().checked_sub_days(Days::new(2));
                    query.extend(after.map(|day| ("after", day.to_string())));
                    query.extend(open.before.map(|day| ("before", day.to_string())));
                }
                self.client.list(list.limit(), &path, &query).await?
            }
        };
        self.asked(progress);
        let listed: Vec<Listed> = read(&path, &page.items)?;
        // The state is changed on a copy, which replaces it once Kafka has the page.
        let mut state = progress.state.clone();
        let State::Keys(keys) = &mut state else { return Ok(false) };
        let new = keys.advance(&listed, page.next, is_events)?;
        let mut items = found::items(list, owner_id, page.items, &new);
        if list == List::Notes {
            items = items
                .into_iter()
                .filter_map(|item| note(&path, item).transpose())
                .collect::<Result<_, _>>()?;
        }
        self.keep(progress, Batch { items, parts: Vec::new(), read_at: page.read_at }).await?;
        progress.state = state;
        self.checkpoints.save(progress, Outcome::Reading, "").await?;
        Ok(true)
    }
}

/// The note of an event; `None` if it is gone.
fn note(path: &str, event: Item) -> Result<Option<Item>, WalkError> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(default)]
        note: Option<Box<RawValue>>,
    }
    let Event { note } = serde_json::from_str(event.object.get())
        .map_err(|source| WalkError::Object { path: path.to_owned(), source })?;
    Ok(note.map(|object| Item { object, ..event }))
}
