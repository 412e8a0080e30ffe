//! Pages. In: a query and the rows of a list. Out: how many rows to skip and to take, and the headers that lead to the next page. GitLab gives 20
//! rows by default, at most 100, and does not count more than 10,000 (<https://docs.gitlab.com/api/rest/#pagination>).

use serde_json::Value;

use super::query::Query;

/// The highest total that GitLab counts: longer lists have none.
pub(super) const COUNTED: u64 = 10_000;
/// The highest offset for lists that support keyset paging.
pub(super) const MAX_OFFSET: u64 = 50_000;

/// The requested page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paging {
    pub(super) page: u64,
    pub(super) per_page: u64,
}

impl Paging {
    pub(super) fn of(query: &Query) -> Paging {
        let per_page = query.number("per_page").filter(|asked| *asked > 0).unwrap_or(20).min(100);
        Paging { page: query.number("page").filter(|asked| *asked > 0).unwrap_or(1), per_page }
    }

    /// Rows before the page.
    pub(super) fn skip(self) -> u64 {
        (self.page - 1).saturating_mul(self.per_page)
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    pub(super) rows: Vec<Value>,
    /// The rows as text, if they were written so; then `rows` is empty.
    pub(super) text: Option<String>,
    /// The number of rows in the list, if it is counted.
    pub(super) total: Option<u64>,
    pub(super) next: Next,
}

/// Where the next page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// There is none.
    None,
    /// The next number.
    Page,
    /// Behind a row: parameters that name it.
    After(Vec<(&'static str, String)>),
}

impl Page {
    /// A page of a short, complete list.
    pub(super) fn cut(all: Vec<Value>, paging: Paging) -> Page {
        let total = all.len() as u64;
        let rows = all.into_iter().skip(paging.skip() as usize).take(paging.per_page as usize).collect();
        let next = if paging.skip() + paging.per_page < total { Next::Page } else { Next::None };
        Page { rows, text: None, total: Some(total), next }
    }

    /// Its headers. `address` is the list without its query, at the address that the instance believes it has.
    pub(super) fn headers(
        &self,
        address: &str,
        query: &Query,
        paging: Paging,
    ) -> Vec<(&'static str, String)> {
        let per_page = paging.per_page.to_string();
        let link = |rel: &str, changes: &[(&str, String)]| {
            format!("<{address}?{}>; rel=\"{rel}\"", query.with(changes))
        };
        let of_page =
            |rel: &str, page: u64| link(rel, &[("page", page.to_string()), ("per_page", per_page.clone())]);
        let mut headers = vec![("X-Per-Page", per_page.clone())];
        match &self.next {
            Next::After(row) => {
                let mut changes: Vec<(&str, String)> = row.clone();
                changes.push(("per_page", per_page.clone()));
                headers.push(("Link", link("next", &changes)));
                return headers;
            }
            Next::None if query.get("pagination") == Some("keyset") => return headers,
            Next::None | Next::Page => (),
        }
        let mut links = Vec::new();
        if paging.page > 1 {
            links.push(of_page("prev", paging.page - 1));
        }
        if self.next == Next::Page {
            links.push(of_page("next", paging.page + 1));
        }
        links.push(of_page("first", 1));
        let next = if self.next == Next::Page { (paging.page + 1).to_string() } else { String::new() };
        headers.push(("X-Page", paging.page.to_string()));
        headers.push(("X-Next-Page", next));
        headers.push((
            "X-Prev-Page",
            if paging.page > 1 { (paging.page - 1).to_string() } else { String::new() },
        ));
        if let Some(total) = self.total.filter(|total| *total <= COUNTED) {
            let pages = total.div_ceil(paging.per_page).max(1);
            links.push(of_page("last", pages));
            headers.push(("X-Total", total.to_string()));
            headers.push(("X-Total-Pages", pages.to_string()));
        }
        headers.push(("Link", links.join(", ")));
        headers
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(query: &str, total: u64, expected: &[(&str, Option<&str>)]) {
        let query = Query::read(query);
        let paging = Paging::of(&query);
        let page = Page::cut((0..total).map(|row| json!(row)).collect(), paging);
        let headers = page.headers("http://x/y", &query, paging);
        for (name, value) in expected {
            let found = headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
            assert_eq!(found, *value, "{name}");
        }
    }

    #[test]
    fn a_page_has_twenty_rows_unless_asked_and_a_hundred_at_most() {
        check("", 45, &[("X-Per-Page", Some("20")), ("X-Total", Some("45")), ("X-Next-Page", Some("2"))]);
        check("per_page=500", 450, &[("X-Per-Page", Some("100")), ("X-Total-Pages", Some("5"))]);
    }

    #[test]
    fn the_last_page_has_no_next() {
        check("page=3&per_page=20", 45, &[("X-Next-Page", Some("")), ("X-Prev-Page", Some("2"))]);
    }

    #[test]
    fn more_than_ten_thousand_rows_are_not_counted() {
        check(
            "per_page=100",
            10_001,
            &[("X-Total", None), ("X-Total-Pages", None), ("X-Next-Page", Some("2"))],
        );
        let query = Query::read("per_page=100");
        let page = Page { rows: Vec::new(), text: None, total: Some(10_001), next: Next::Page };
        let headers = page.headers("http://x/y", &query, Paging::of(&query));
        assert!(headers.iter().all(|(_, value)| !value.contains("rel=\"last\"")));
    }

    #[test]
    fn links_keep_the_query() {
        check(
            "state=all&per_page=20",
            20,
            &[(
                "Link",
                Some(
                    "<http://x/y?state=all&page=1&per_page=20>; rel=\"first\", <http://x/y?state=all&page=1&per_page=20>; rel=\"last\"",
                ),
            )],
        );
    }
}
