//! Who may ask: programs of this machine, and no page that a browser shows.
//! In: the head of a request. Out: whether it is answered.
//! Never: a cookie, a token or an address list; whoever runs programs here may read the files as well.
//!
//! A page in a browser can send requests to loopback addresses, and a blind one, an image say, carries no Origin. Browsers then say in
//! Sec-Fetch-Site whose page it is (<https://www.w3.org/TR/fetch-metadata/>), to every address of the machine but 0.0.0.0.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};
use hyper::http::uri::Authority;

/// What a refused visitor is told.
pub(super) const REFUSAL: &str = "The embedded ClickHouse answers no web pages (an Origin header, a Sec-Fetch-Site header of another site, or a Host \
                                  that is no loopback address). Programs connect to 127.0.0.1, ::1 or localhost.\n";

/// Whether a program of this machine asks, as far as can be told.
pub(super) fn is_welcome(headers: &HeaderMap) -> bool {
    !headers.contains_key(ORIGIN) && is_own_page(headers) && is_here(headers)
}

/// No page asks, or one that this server itself has answered, or a person who typed the address.
fn is_own_page(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-site").iter().all(|site| site == "none" || site == "same-origin")
}

/// The request names this machine: neither a name that only a page's own name service resolves to it, nor an address that browsers do not take for
/// this machine.
fn is_here(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        return true;
    };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    hosts.next().is_none()
        && host.is_some_and(|authority| {
            let name = authority.host().trim_start_matches('[').trim_end_matches(']');
            name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        })
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: bool) {
        let map = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        assert_eq!(is_welcome(&map), expected, "{headers:?}");
    }

    #[test]
    fn programs_of_this_machine_are_answered() {
        for host in ["127.0.0.1:8123", "127.0.0.2", "localhost:8123", "LOCALHOST", "[::1]:8123"] {
            check(&[("host", host)], true);
        }
        check(&[], true);
    }

    #[test]
    fn pages_are_refused_however_they_ask() {
        let host = ("host", "127.0.0.1:8123");
        check(&[host, ("origin", "http://127.0.0.1:8123")], false);
        check(&[host, ("origin", "null")], false);
        check(&[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")], false);
        check(&[host, ("sec-fetch-site", "same-site")], false);
        check(&[host, ("sec-fetch-site", "none")], true);
        check(&[host, ("sec-fetch-site", "same-origin")], true);
    }

    #[test]
    fn names_and_addresses_of_others_are_refused() {
        for host in [
            "page.example.com:8123",
            "0.0.0.0:8123",
            "[::]:8123",
            "192.0.2.7:8123",
            "",
            "127.0.0.1.example.com",
        ] {
            check(&[("host", host)], false);
        }
    }
}
