//! Confidentiality of an event. In: the head of a body. Out: whether GitLab restricts who may see the subject. Anything not known to be public
//! counts as confidential.

use super::{Head, Noteable, present};
use crate::EventKind;
use crate::field::{Embedded, Field};
use crate::kind::TEST_EVENT;

impl Head<'_> {
    /// Whether GitLab restricts who may see the event's subject: a confidential issue or work item, an internal note, a note on a confidential
    /// issue, or an emoji on any of them, whose body quotes the thing. Anything not known to be public counts as confidential.
    pub fn is_confidential(&self, kind: EventKind) -> bool {
        let attributes = self.object_attributes.get();
        let noteables = [self.issue.get(), self.work_item.get(), self.epic.get(), self.note.get()];
        let says = |field: Option<&Field<bool>>| field.is_some_and(|field| field.get() == Some(true));
        self.is_withheld(kind)
            || present(&self.event_type).is_some_and(|name| name.starts_with("confidential_"))
            || says(Some(&self.confidential))
            || says(Some(&self.internal))
            || says(attributes.map(|attributes| &attributes.confidential))
            || says(attributes.map(|attributes| &attributes.internal))
            || attributes.is_some_and(|attributes| match &attributes.issues {
                Field::Value(issues) => !issues.is_empty(),
                issues => matches!(issues, Field::Unreadable),
            })
            || !is_public_noteable(self.noteable_type())
            || self
                .note
                .get()
                .is_some_and(|note| !is_public_noteable(present(&note.noteable_type).unwrap_or_default()))
            || noteables
                .into_iter()
                .flatten()
                .any(|noteable| says(Some(&noteable.confidential)) || says(Some(&noteable.internal)))
    }

    /// Whether nothing says that the subject is public. `event_type` of a comment's webhook says it for an issue, but not for the issue of a design
    /// (<https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/models/design_management/design.rb>); a vulnerability lists its issues without it.
    fn is_withheld(&self, kind: EventKind) -> bool {
        let attributes = self.object_attributes.get();
        let open = |field: &Field<bool>| field.get() == Some(false);
        let is_named_open =
            |noteable: &Embedded<Noteable<'_>>| noteable.get().is_some_and(|it| open(&it.confidential));
        let is_open = [&self.issue, &self.work_item, &self.epic].into_iter().any(is_named_open);
        let is_named = present(&self.event_type).is_some();
        match kind {
            EventKind::Issue => {
                let told = attributes.is_some_and(|attributes| open(&attributes.confidential));
                !told && !open(&self.confidential) && !is_named
            }
            EventKind::Note => {
                matches!(self.noteable_type(), "Issue" | "WorkItem" | "Epic") && !is_open && !is_named
            }
            EventKind::Emoji => {
                match attributes.map_or("", |it| present(&it.awardable_type).unwrap_or_default()) {
                    "Issue" | "WorkItem" | "Epic" => !is_open,
                    "Note" => {
                        match self.note.get().map(|note| present(&note.noteable_type).unwrap_or_default()) {
                            Some("Issue" | "WorkItem" | "Epic") => !is_open,
                            Some(_) => false,
                            None => true,
                        }
                    }
                    _ => false,
                }
            }
            // A custom template may quote anything.
            EventKind::Other => self.name() != TEST_EVENT,
            _ => false,
        }
    }

    /// The type of thing that a note is on, from a webhook or the API.
    fn noteable_type(&self) -> &str {
        let told = self.object_attributes.get().and_then(|attributes| present(&attributes.noteable_type));
        told.or(present(&self.noteable_type)).unwrap_or_default()
    }
}

/// Types of things whose notes are public within their project, or that say themselves whether they are. Designs belong to an issue, alerts are for
/// developers, and types that GitLab adds later are not known to be public.
const PUBLIC_NOTEABLES: [&str; 7] =
    ["Issue", "WorkItem", "Epic", "MergeRequest", "Commit", "Snippet", "WikiPage::Meta"];

/// Whether notes on things of this type (GitLab's name) are as public as their project, or as the thing itself says. A note without a type counts
/// as public here.
pub fn is_public_noteable(noteable_type: &str) -> bool {
    noteable_type.is_empty() || PUBLIC_NOTEABLES.contains(&noteable_type)
}
