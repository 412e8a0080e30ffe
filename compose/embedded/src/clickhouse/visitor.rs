//! Access control: only programs of this machine, no page in a browser. In: the head of a request. Out: whether it is answered. Never: a cookie, a
//! token or an address list; whoever runs programs here may read the files as well.
//!
//! A page in a browser can send requests to loopback addresses, and a blind one, such as for an image, has no Origin. Browsers then tell in
//! Sec-Fetch-Site which site sends it (<https://www.w3.org/TR/fetch-metadata/>), for every address of the machine except 0.0.0.0.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};
use hyper::http::uri::Authority;

/// The answer to a refused request.
pub(super) const REFUSAL: &str = "The embedded ClickHouse answers no web pages (an Origin header, a Sec-Fetch-Site header of another site, or a Host \
                                  that is no loopback address). Programs connect to 127.0.0.1, ::1 or localhost.\n";

/// Whether the request comes from a program of this machine, as far as that can be known.
pub(super) fn is_welcome(headers: &HeaderMap) -> bool {
    !headers.contains_key(ORIGIN) && is_own_page(headers) && is_here(headers)
}

/// Whether it comes from no page, from one of this server, or from a typed address.
fn is_own_page(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-site").iter().all(|site| site == "none" || site == "same-origin")
}

/// Whether the request names this machine: neither a name that only a page's own name service resolves to it, nor an address that browsers do not
/// treat as local.
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
