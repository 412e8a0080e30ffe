//! A mix of many distinct events, as sent by a busy instance. In: the example payloads. Out: the body of the n-th event: jobs and pipelines dominate,
//! and every entity has a few events. Deterministic.

use bytes::Bytes;
use schemas::EventKind;

use crate::example::{Example, of_kind};

/// Events of each kind per hundred.
const SHARES: [(EventKind, usize); 9] = [
    (EventKind::Job, 50),
    (EventKind::Pipeline, 25),
    (EventKind::Push, 8),
    (EventKind::MergeRequest, 8),
    (EventKind::Note, 4),
    (EventKind::Issue, 2),
    (EventKind::Deployment, 1),
    (EventKind::TagPush, 1),
    (EventKind::Emoji, 1),
];
/// Events of one entity: a job is created, waits, runs and ends.
const EVENTS_OF_AN_ENTITY: usize = 4;
/// Distance between the ids of two entities.
const STRIDE: u64 = 1_000_000;
/// Projects of the events for each project of the examples.
const PROJECTS: u64 = 100;

/// The templates, and their order.
#[derive(Debug)]
pub struct Mix {
    /// For each of a hundred events: the templates of its kind.
    slots: Vec<usize>,
    kinds: Vec<Vec<Template>>,
    /// The templates of all other kinds.
    rare: Vec<Template>,
}

impl Mix {
    /// A mix of the examples.
    pub fn new(examples: &[Example]) -> Mix {
        let mut slots = Vec::new();
        let mut kinds = Vec::new();
        for (kind, share) in SHARES {
            let templates: Vec<Template> = of_kind(examples, kind).iter().map(Template::new).collect();
            if !templates.is_empty() {
                slots.extend(std::iter::repeat_n(kinds.len(), share));
                kinds.push(templates);
            }
        }
        let rare = EventKind::ALL.into_iter().filter(|kind| SHARES.iter().all(|(common, _)| common != kind));
        let rare =
            rare.flat_map(|kind| of_kind(examples, kind)).map(|example| Template::new(&example)).collect();
        Mix { slots, kinds, rare }
    }

    /// The body of the n-th event; one in a hundred is of a rare kind.
    pub fn body_with_rare_kinds(&self, n: usize) -> Bytes {
        match (n % 100, self.rare.len()) {
            (0, 1..) => self.rare[n / 100 % self.rare.len()].body(n as u64),
            _ => self.body(n),
        }
    }

    /// The body of the n-th event.
    pub fn body(&self, n: usize) -> Bytes {
        // 37 and 100 have no common divisor: every slot occurs once per hundred, and kinds alternate.
        let slot = (n * 37) % self.slots.len();
        let templates = &self.kinds[self.slots[slot]];
        let turn = n / self.slots.len() + slot;
        templates[turn % templates.len()].body((n / EVENTS_OF_AN_ENTITY) as u64)
    }
}

/// An example whose ids can be replaced.
#[derive(Debug)]
struct Template {
    /// Text, then what follows it.
    pieces: Vec<(String, Piece)>,
    rest: String,
}

/// The part that differs in each body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// The id of the entity, or of something in it.
    Id(u64),
    /// The id of the project.
    Project(u64),
    /// The SHA before a push.
    Before,
    /// The SHA after it.
    After,
}

impl Piece {
    fn write(self, entity: u64, text: &mut String) {
        match self {
            Piece::Id(id) => text.push_str(&(id + entity * STRIDE).to_string()),
            Piece::Project(id) => text.push_str(&(id + (entity % PROJECTS) * STRIDE).to_string()),
            // A push begins where the previous one ended.
            Piece::Before => text.push_str(&format!("{:040x}", entity / PROJECTS + 1)),
            Piece::After => text.push_str(&format!("{:040x}", entity / PROJECTS + 2)),
        }
    }
}

impl Template {
    fn new(example: &Example) -> Template {
        let text = String::from_utf8_lossy(&example.body).into_owned();
        let mut marks: Vec<(usize, usize, Piece)> = Vec::new();
        for (field, value, piece) in replaced(example) {
            let token = format!("\"{field}\":{value}");
            for (start, _) in text.match_indices(&token) {
                let end = start + token.len();
                let longer = text[end..].starts_with(|character: char| character.is_ascii_digit());
                if !longer {
                    // Only the value is replaced, without the quotes or the text before the number.
                    let (skipped, cut) = match piece {
                        Piece::Before | Piece::After => (1, 1),
                        Piece::Id(id) | Piece::Project(id) => (value.len() - id.to_string().len(), 0),
                    };
                    marks.push((start + field.len() + 3 + skipped, end - cut, piece));
                }
            }
        }
        marks.sort_unstable();
        marks.dedup_by_key(|(start, _, _)| *start);
        let mut pieces = Vec::new();
        let mut from = 0;
        for (start, end, piece) in marks {
            pieces.push((text[from..start].to_owned(), piece));
            from = end;
        }
        Template { pieces, rest: text[from..].to_owned() }
    }

    fn body(&self, entity: u64) -> Bytes {
        let mut text = String::with_capacity(self.rest.len() + 256);
        for (before, piece) in &self.pieces {
            text.push_str(before);
            piece.write(entity, &mut text);
        }
        text.push_str(&self.rest);
        Bytes::from(text)
    }
}

/// The fields that name the entity and its project, with what they hold in the example.
fn replaced(example: &Example) -> Vec<(&'static str, String, Piece)> {
    let body: serde_json::Value = serde_json::from_slice(&example.body).unwrap_or_default();
    let at = |field: &'static str, pointer: &str| {
        let id = body.pointer(pointer).and_then(serde_json::Value::as_u64);
        id.map(|id| (field, id.to_string(), Piece::Id(id)))
    };
    let sha = |field: &'static str, name: &str, piece| {
        body[name].as_str().map(|sha| (field, format!("\"{sha}\""), piece))
    };
    let fields = match example.kind {
        EventKind::Job => vec![at("build_id", "/build_id"), at("pipeline_id", "/pipeline_id")],
        EventKind::Deployment => vec![at("deployment_id", "/deployment_id")],
        EventKind::Pipeline => {
            let builds = body["builds"].as_array().map_or(0, Vec::len);
            let builds = (0..builds).map(|index| at("id", &format!("/builds/{index}/id")));
            builds.chain([at("id", "/object_attributes/id")]).collect()
        }
        EventKind::MergeRequest => {
            vec![at("id", "/object_attributes/id"), at("iid", "/object_attributes/iid")]
        }
        EventKind::Push | EventKind::TagPush => vec![
            sha("before", "before", Piece::Before),
            sha("after", "after", Piece::After),
            sha("checkout_sha", "after", Piece::After),
            sha("id", "after", Piece::After),
        ],
        EventKind::Member => vec![at("user_id", "/user_id")],
        EventKind::Release => vec![at("id", "/id")],
        _ => vec![at("id", "/object_attributes/id")],
    };
    let project = body["project_id"].as_u64().or(body["project"]["id"].as_u64());
    let project = project.into_iter().flat_map(|id| {
        let piece = Piece::Project(id);
        let fields = ["project_id", "target_project_id", "source_project_id"]
            .map(|field| (field, id.to_string(), piece));
        // `project` begins with its id, and nothing else begins so.
        fields.into_iter().chain([("project", format!("{{\"id\":{id}"), piece)])
    });
    fields.into_iter().flatten().chain(project).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::examples;
    use schemas::head::Head;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn jobs_and_pipelines_dominate_and_entities_differ() {
        let mix = Mix::new(&examples().unwrap());
        let mut kinds: BTreeMap<EventKind, usize> = BTreeMap::new();
        let mut subjects = BTreeSet::new();
        for n in 0..1000 {
            let body = mix.body(n);
            let head = Head::read(std::str::from_utf8(&body).unwrap()).unwrap();
            *kinds.entry(head.kind()).or_default() += 1;
            subjects.insert(head.subject(head.kind(), "none"));
        }
        assert_eq!(kinds[&EventKind::Job], 500);
        assert_eq!(kinds[&EventKind::Pipeline], 250);
        assert!(subjects.len() > 250, "{}", subjects.len());
    }
}
