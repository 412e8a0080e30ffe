//! Reads the headers of answers. In: headers, and the time. Out: GitLab's limits, the link to the next page, whether the body is JSON. A header that
//! cannot be parsed counts as missing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, LINK, RETRY_AFTER};

use crate::budget::Told;

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

/// `RateLimit-Limit`, `-Remaining` and `-Reset` (<https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers>). The
/// end of the window is a time of GitLab's clock, like `Date`; `now` is this machine's time.
pub(crate) fn told(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Told> {
    let number = |name| text(headers, name)?.parse::<u64>().ok();
    let limit = number("ratelimit-limit")?;
    let remaining = number("ratelimit-remaining")?;
    let reset = DateTime::from_timestamp(i64::try_from(number("ratelimit-reset")?).ok()?, 0)?;
    let now = dated(headers).unwrap_or(now);
    Some(Told {
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        resets_in: (reset - now).to_std().unwrap_or_default(),
    })
}

/// `Date`: when GitLab answered, by its own clock.
pub(crate) fn dated(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    text(headers, DATE.as_str()).and_then(date)
}

/// `Retry-After`, in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = text(headers, RETRY_AFTER.as_str())?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // A number with more digits than fit means for ever.
        return Some(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    Some((date(text)? - now).to_std().unwrap_or_default())
}

/// `X-Total`: how many rows a list has (<https://docs.gitlab.com/api/rest/#other-pagination-headers>).
pub(crate) fn total(headers: &HeaderMap) -> Option<u64> {
    text(headers, "x-total")?.parse().ok()
}

/// Whether the body is declared as JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

/// The declared type of the body.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    text(headers, CONTENT_TYPE.as_str()).filter(|text| !text.is_empty()).unwrap_or("of no type")
}

/// The target of the link whose `rel` is `next` (<https://docs.gitlab.com/api/rest/#pagination-link-header>).
pub(crate) fn next_link(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_in)
}

/// A target may contain commas and semicolons, but no angle brackets.
fn next_in(links: &str) -> Option<&str> {
    links.split('<').skip(1).find_map(|link| {
        let (target, parameters) = link.split_once('>')?;
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        is_next.then_some(target)
    })
}

#[cfg(test)]
mod tests;
