use proptest::prelude::*;

use super::*;

/// The step of a walk over a page with these rows.
fn step(walk: &Walk, asked: &str, rows: &[&str], next: &str) -> Result<Walk, FetchError> {
    let rows: Vec<Box<RawValue>> =
        rows.iter().map(|text| RawValue::from_string((*text).to_owned()).unwrap()).collect();
    walk.step(asked, rows.iter().map(AsRef::as_ref), next)
}

/// Walks pages whose links are `next`, each with a row of its own, until one has no link, an error, or this many pages.
fn walk(first: usize, next: impl Fn(usize) -> Option<usize>, most: usize) -> Result<usize, FetchError> {
    let query = |page: usize| format!("page={page}");
    let (mut page, mut walk) = (first, Walk::new(&query(first)));
    for walked in 1..=most {
        let Some(following) = next(page) else { return Ok(walked) };
        walk = step(&walk, &query(page), &[&walked.to_string()], &query(following))?;
        page = following;
    }
    panic!("{most} pages are no end");
}

#[test]
fn a_long_list_comes_to_its_end() {
    let next = |page| if page < 50_000 { Some(page + 1) } else { None };
    assert_eq!(walk(1, next, 60_000).unwrap(), 50_000);
}

#[test]
fn a_page_that_names_itself_is_noticed_at_once() {
    let error = step(&Walk::new("page=1"), "page=1", &["1"], "page=1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "pages of GitLab do not come to an end: a page names one before it as the next"
    );
}

#[test]
fn a_page_that_repeats_the_one_before_is_noticed() {
    let first = step(&Walk::new("page=1"), "page=1", &["1", "2"], "page=2").unwrap();
    let error = step(&first, "page=2", &["1", "2"], "page=3").unwrap_err();
    assert!(error.to_string().contains("repeats"), "{error}");
    // One row more is another page.
    step(&first, "page=2", &["1", "1", "2"], "page=3").unwrap();
}

#[test]
fn empty_pages_are_no_end_but_not_for_ever() {
    let mut walk = Walk::new("page=0");
    for page in 0..MAX_EMPTY {
        walk = step(&walk, &format!("page={page}"), &[], &format!("page={}", page + 1)).unwrap();
    }
    let more = step(&walk, "page=x", &["1"], "page=y").unwrap();
    step(&more, "page=y", &[], "page=z").unwrap();
    assert!(step(&walk, "page=x", &[], "page=y").unwrap_err().to_string().contains("empty"));
}

#[test]
fn a_next_page_can_be_kept() {
    let walk = step(&Walk::new("page=1"), "page=1", &["1"], "page=2").unwrap();
    let next =
        Next { limit: Limit::ProjectJobs, path: "projects/1/jobs".into(), query: "page=2".into(), walk };
    let kept: Next = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
    assert_eq!(kept, next);
    assert_eq!(kept.query(), "page=2");
}

proptest! {
    #[test]
    fn a_circle_of_any_length_is_noticed(tail in 0usize..200, length in 1usize..200) {
        let next = |page| Some(if page + 1 < tail + length { page + 1 } else { tail });
        let error = walk(0, next, 4 * (tail + length) + 4).unwrap_err();
        let is_endless = matches!(error, FetchError::Endless { .. });
        prop_assert!(is_endless, "{}", error);
    }

    #[test]
    fn rows_that_come_again_are_noticed_whatever_their_pages_are_called(tail in 0usize..200, length in 1usize..200) {
        let mut walk = Walk::new("0");
        let end = (1..=4 * (tail + length) + 4).find_map(|page| {
            let row = if page <= tail { page } else { tail + (page - tail) % length };
            match step(&walk, &(page - 1).to_string(), &[&row.to_string()], &page.to_string()) {
                Ok(next) => {
                    walk = next;
                    None
                }
                Err(error) => Some(error.to_string()),
            }
        });
        prop_assert!(end.as_ref().is_some_and(|end| end.contains("repeats")), "{:?}", end);
    }
}
