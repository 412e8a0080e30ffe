//! The limit of one endpoint. In: permits taken, refusals (429), time. Out: when it can be called next. Never allows a call during a pause that
//! GitLab asked for.
//!
//! It starts at the documented rate; without one, only the token's rate limits it. A refusal halves the number of permits that were in use; each
//! window without a refusal adds a twentieth, up to nine tenths of the number that was refused. After an hour without refusals twice as much is
//! tried, because limits change and other programs end. One refusal alone proves little: the first leaves at least a tenth of the token's rate, each
//! further one half of that.

use std::time::Duration;

use super::jittered;
use super::window::{MARGIN, Moment, Rate, Window};

/// How long a refused rate is not tried again.
const PEACE: Duration = Duration::from_secs(3600);
/// The first pause if GitLab names none: the window of its application limits. Doubles with each refusal in a row, three times.
const PAUSE: Duration = Duration::from_secs(60);

/// A first refusal leaves at least one in this many permits.
const LEAST: u32 = 10;

/// The state of one endpoint for one token.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Always counts; delays calls only if a limit is documented or was learnt.
    window: Window,
    is_documented: bool,
    /// Upper limit of the rate: the documented one, or the token's.
    highest: u32,
    /// Permits of a window in use when GitLab refused; `None` if it never did.
    refused: Option<u32>,
    refused_at: Moment,
    grown_at: Moment,
    paused_until: Moment,
    /// Refusals without a success between them.
    in_a_row: u32,
    /// Refusals that were not yet followed by an hour without one.
    refusals: u32,
}

impl Endpoint {
    /// An endpoint with a documented limit.
    pub(crate) fn documented(rate: Rate) -> Endpoint {
        Endpoint { is_documented: true, ..Endpoint::free(rate) }
    }

    /// An endpoint without one; `rate` is that of the token.
    pub(crate) fn free(rate: Rate) -> Endpoint {
        Endpoint {
            window: Window::new(rate),
            is_documented: false,
            highest: rate.permits,
            refused: None,
            refused_at: Moment::ZERO,
            grown_at: Moment::ZERO,
            paused_until: Moment::ZERO,
            in_a_row: 0,
            refusals: 0,
        }
    }

    /// The earliest moment, at or after `now`, at which it can be called.
    pub(crate) fn ready_at(&mut self, now: Moment) -> Moment {
        self.grow(now);
        match self.is_documented || self.refused.is_some() {
            true => self.window.ready_at(now).max(self.paused_until),
            false => now,
        }
    }

    /// Changes the upper limit of the rate. What was learnt stays.
    pub(crate) fn limit_to(&mut self, highest: u32) {
        self.highest = highest;
        let permits = if self.refused.is_none() { highest } else { self.window.rate().permits.min(highest) };
        self.window.set_permits(permits);
    }

    pub(crate) fn take(&mut self, now: Moment) {
        self.window.take(now);
    }

    pub(crate) fn succeeded(&mut self) {
        self.in_a_row = 0;
    }

    /// Records that GitLab refused a call, with or without a pause to wait for. Returns the pause in force. Refusals of calls that were under way at
    /// the same time add nothing new. `random` is at least 0 and less than 1.
    pub(crate) fn refuse(&mut self, retry_after: Option<Duration>, now: Moment, random: f64) -> Duration {
        let under_way = self.paused_until.saturating_sub(now);
        let is_new = under_way.is_zero();
        let own = if is_new { PAUSE * (1 << self.in_a_row.min(3)) } else { under_way };
        let pause = retry_after.unwrap_or(own).max(MARGIN);
        self.paused_until = self.paused_until.max(now + jittered(pause, random));
        if !is_new {
            return pause;
        }
        let least = (self.highest / LEAST) >> self.refusals.min(31);
        let used = self.window.used(now).min(self.window.rate().permits).max(2 * least).max(1);
        self.refused = Some(used);
        self.window.set_permits(used / 2);
        self.refusals = self.refusals.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        (self.refused_at, self.grown_at) = (self.paused_until, self.paused_until);
        pause
    }

    /// Raises the rate again as time passes without another refusal.
    fn grow(&mut self, now: Moment) {
        let Some(mut refused) = self.refused else { return };
        while now >= self.refused_at + PEACE && refused < self.highest {
            refused = refused.saturating_mul(2).min(self.highest);
            self.refused_at += PEACE;
            self.refusals = self.refusals.saturating_sub(1);
        }
        self.refused = Some(refused);
        let most = if now >= self.refused_at + PEACE {
            self.highest
        } else {
            (refused * 9 / 10).max(1).min(self.highest)
        };
        let Rate { per, permits } = self.window.rate();
        let windows = now.saturating_sub(self.grown_at).as_nanos() / per.as_nanos().max(1);
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        if windows == 0 {
            return;
        }
        self.grown_at += per * windows;
        let more = (refused / 20).max(1).saturating_mul(windows);
        self.window.set_permits(permits.saturating_add(more).min(most.max(permits)));
    }
}

#[cfg(test)]
impl Endpoint {
    pub(crate) fn paused_until(&self) -> Moment {
        self.paused_until
    }

    pub(crate) fn permits(&self) -> u32 {
        self.window.rate().permits
    }
}
