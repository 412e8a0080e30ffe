//! Who may know of an event. In: the head of a body. Out: whether GitLab shows what it is about to few. What is not known to be public counts as such.

use super::{Head, Noteable, present};
use crate::EventKind;
use crate::field::{Embedded, Field};
use crate::kind::TEST_EVENT;

impl Head<'_> {
    /// Whether the event is about something that GitLab shows to few: a confidential issue or work item, an internal note, a note on a
    /// confidential issue, an emoji on any of them, which quotes what it stands on. What is not known to be public counts as such.
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

    /// Whether nothing says that it is public. A webhook about a comment has that of its issue in `event_type`, but not that of a design's issue
    /// (<https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/models/design_management/design.rb>); a vulnerability names its issues without it.
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

    /// What a note is on, on either face.
    fn noteable_type(&self) -> &str {
        let told = self.object_attributes.get().and_then(|attributes| present(&attributes.noteable_type));
        told.or(present(&self.noteable_type)).unwrap_or_default()
    }
}

/// Of what notes are that everybody sees who sees the project, or that says itself who does. Designs are an issue's, alerts are for developers, and what
/// GitLab invents next is not known to be public.
const PUBLIC_NOTEABLES: [&str; 7] =
    ["Issue", "WorkItem", "Epic", "MergeRequest", "Commit", "Snippet", "WikiPage::Meta"];

/// Whether notes on things of this type, as GitLab names it, are as public as their project, or as the thing itself says. A note that does not say
/// what it is on counts as such.
pub fn is_public_noteable(noteable_type: &str) -> bool {
    noteable_type.is_empty() || PUBLIC_NOTEABLES.contains(&noteable_type)
}
