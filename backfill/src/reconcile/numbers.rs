//! Sets of numbers, stored as spans. In: numbers within a project (`iid`). Out: spans without overlaps, small enough to be saved. Pure.

use serde::{Deserialize, Serialize};

/// From one number to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The smallest number.
    pub first: u64,
    /// The greatest number.
    pub last: u64,
}

/// A set of numbers.
///
/// **Invariant:** its spans are in ascending order, and between two of them at least one number is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Numbers(Vec<Span>);

impl Span {
    /// How many numbers it has.
    pub fn count(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl Numbers {
    /// The numbers in spans of any order; a span that ends before it begins is empty.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Numbers {
        let mut sorted: Vec<Span> = spans.into_iter().filter(|span| span.first <= span.last).collect();
        sorted.sort_unstable();
        let mut joined: Vec<Span> = Vec::new();
        for span in sorted {
            match joined.last_mut() {
                Some(before) if span.first <= before.last.saturating_add(1) => {
                    before.last = before.last.max(span.last);
                }
                Some(_) | None => joined.push(span),
            }
        }
        Numbers(joined)
    }

    /// The numbers in a list of any order.
    pub fn of_list(numbers: impl IntoIterator<Item = u64>) -> Numbers {
        Numbers::of(numbers.into_iter().map(|number| Span { first: number, last: number }))
    }

    /// The spans, in ascending order.
    pub fn spans(&self) -> &[Span] {
        &self.0
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|span| span.count()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The union of both.
    pub fn with(&self, others: &Numbers) -> Numbers {
        Numbers::of(self.0.iter().chain(&others.0).copied())
    }

    /// The numbers that are not in `others`.
    pub fn without(&self, others: &Numbers) -> Numbers {
        let mut left = Vec::new();
        let mut others = others.0.iter().peekable();
        for span in &self.0 {
            let mut first = span.first;
            let mut is_left = true;
            while let Some(other) = others.peek() {
                if other.first > span.last {
                    break;
                }
                if other.first > first {
                    left.push(Span { first, last: other.first - 1 });
                }
                if other.last >= span.last {
                    is_left = other.last < first;
                    break;
                }
                first = first.max(other.last + 1);
                others.next();
            }
            if is_left {
                left.push(Span { first, last: span.last });
            }
        }
        Numbers::of(left)
    }

    /// The numbers within a span.
    pub fn within(&self, span: Span) -> Numbers {
        Numbers::of(
            self.0.iter().map(|own| Span { first: own.first.max(span.first), last: own.last.min(span.last) }),
        )
    }

    /// Whether a number lies within a span.
    pub fn touches(&self, span: Span) -> bool {
        self.0.iter().any(|own| own.first <= span.last && own.last >= span.first)
    }

    /// The greatest numbers first, in lists of at most this many. Lazy, because a body may contain any number.
    pub fn newest_first(&self, at_most: usize) -> impl Iterator<Item = Vec<u64>> + '_ {
        let mut descending = self.0.iter().rev().flat_map(|span| (span.first..=span.last).rev());
        std::iter::from_fn(move || {
            let some: Vec<u64> = descending.by_ref().take(at_most.max(1)).collect();
            (!some.is_empty()).then_some(some)
        })
    }
}

#[cfg(test)]
mod tests;
