//! An issue or incident: the steps of its life, and its state at a moment. In: its steps and a time. Out: its state. Never looks at what comes after
//! that time.

use super::dice::Millis;
use super::people::Person;

/// A step of its life.
#[derive(Debug, Clone)]
pub struct IssueStep {
    /// When.
    pub at: Millis,
    /// Who.
    pub by: Person,
    /// What.
    pub what: IssueWhat,
}

/// What somebody did to an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueWhat {
    /// Opened it.
    Opened,
    /// Wrote a comment.
    Commented,
    /// Wrote an internal note.
    CommentedInternally,
    /// Assigned it.
    Assigned,
    /// Closed it.
    Closed,
    /// Reopened it.
    Reopened,
    /// Turned it into an incident.
    BecameIncident,
    /// Moved it to the next project: it is closed, and continues there.
    Moved,
    /// Work in the background wrote the row, without any change by a person. No webhook reports it.
    Touched,
}

/// An issue.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Who opened it.
    pub author: Person,
    /// Its assignee, from the step that assigns it.
    pub assignee: Person,
    /// Whether it was opened as an incident.
    pub is_incident: bool,
    /// Whether it is confidential.
    pub confidential: bool,
    /// When the issue that it continues was opened, if it came from another project.
    pub moved_from: Option<Millis>,
    /// What happened to it, in order. The first opens it.
    pub steps: Vec<IssueStep>,
    /// How long before the times of its steps it was opened and closed, if it was imported.
    pub imported_before: Millis,
    /// When it was deleted: GitLab does not report that, and does not list it any more.
    pub deleted_at: Option<Millis>,
}

/// The state of an issue at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueState {
    /// `opened` or `closed`.
    pub state: &'static str,
    /// Whether it is an incident.
    pub is_incident: bool,
    /// When it was opened; if it was moved here, when it was opened first.
    pub created_at: Millis,
    /// When it changed last.
    pub updated_at: Millis,
    /// When it was closed, and by whom; nothing once reopened.
    pub closed: Option<(Millis, Person)>,
    /// Whether it went on in the next project.
    pub is_moved: bool,
    /// Whether it is assigned.
    pub assigned: bool,
    /// Comments by people.
    pub comments: u64,
}

impl Issue {
    /// When GitLab created the row.
    pub fn opened_at(&self) -> Millis {
        self.steps.first().map_or(Millis::MAX, |step| step.at)
    }

    /// Whether it exists at `now`.
    pub fn is_there(&self, now: Millis) -> bool {
        self.opened_at() <= now && self.deleted_at.is_none_or(|at| at > now)
    }

    /// Its state at `now`; `None` if it does not exist.
    pub fn at(&self, now: Millis) -> Option<IssueState> {
        let opened_at = self.opened_at();
        if !self.is_there(now) {
            return None;
        }
        let mut state = IssueState {
            state: "opened",
            is_incident: self.is_incident,
            created_at: self.moved_from.unwrap_or(opened_at) - self.imported_before,
            updated_at: opened_at,
            closed: None,
            is_moved: false,
            assigned: false,
            comments: 0,
        };
        for step in self.steps.iter().take_while(|step| step.at <= now) {
            state.updated_at = step.at;
            match step.what {
                IssueWhat::Opened | IssueWhat::Touched => (),
                IssueWhat::Commented | IssueWhat::CommentedInternally => state.comments += 1,
                IssueWhat::Assigned => state.assigned = true,
                IssueWhat::BecameIncident => state.is_incident = true,
                IssueWhat::Closed | IssueWhat::Moved => {
                    state.state = "closed";
                    state.closed = Some((step.at - self.imported_before, step.by));
                    state.is_moved = step.what == IssueWhat::Moved;
                }
                IssueWhat::Reopened => {
                    state.state = "opened";
                    state.closed = None;
                }
            }
        }
        Some(state)
    }

    /// When it last changed before `now`; `None` if it does not exist.
    pub fn updated_at(&self, now: Millis) -> Option<Millis> {
        if !self.is_there(now) {
            return None;
        }
        self.steps.iter().take_while(|step| step.at <= now).last().map(|step| step.at)
    }
}
