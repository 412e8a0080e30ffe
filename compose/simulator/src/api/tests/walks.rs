//! Walks through long lists: by the last change, by keys, by offsets.

use super::*;

#[test]
fn merge_requests_are_walked_by_their_last_change() {
    let (world, api) = api(|_| ());
    let project = world.project(0);
    let list = "merge_requests?state=all&order_by=updated_at&sort=asc&per_page=20";
    let (seen, deepest) = walk_by_update(&api, project.id, list);
    assert_eq!(seen.len() as u64, world.sizes_at(0, world.config().ends_at()).merge_requests);
    // More of them than a page holds were written in one moment.
    assert!(deepest > 1);
}

/// Walks a list from the last change seen, always with the first page; further pages only if a page has a single moment.
pub(super) fn walk_by_update(api: &Api, project: u64, list: &str) -> (BTreeSet<u64>, u32) {
    let (mut seen, mut after, mut page, mut deepest) = (BTreeSet::new(), String::new(), 1, 1);
    loop {
        let address = format!("/api/v4/projects/{project}/{list}&page={page}{after}");
        let rows = get(api, &address).value();
        let rows = rows.as_array().unwrap();
        let at = |row: Option<&Value>| row.map(|row| row["updated_at"].as_str().unwrap().to_owned());
        let before = seen.len();
        seen.extend(ids(rows));
        match (at(rows.first()), at(rows.last())) {
            (None, _) | (_, None) => return (seen, deepest),
            (Some(first), Some(last)) if first == last && rows.len() > 1 => {
                page += 1;
                deepest = deepest.max(page);
                if after.is_empty() {
                    after = format!("&updated_after={last}");
                    page = 1;
                }
            }
            (_, Some(_)) if seen.len() == before => return (seen, deepest),
            (_, Some(last)) => (after, page) = (format!("&updated_after={last}"), 1),
        }
    }
}

#[test]
fn keyset_paging_of_jobs_goes_down_alone() {
    let (world, api) = api(|_| ());
    let path = format!("/api/v4/projects/{}/jobs?pagination=keyset&order_by=id", world.project(0).id);
    assert_eq!(get(&api, &format!("{path}&sort=asc")).status, 405);
    let (rows, _) = walk(&api, &format!("{path}&sort=desc&per_page=100"));
    assert_eq!(rows.len() as u64, world.sizes_at(0, world.config().ends_at()).jobs);
    let (failed, _) = walk(&api, &format!("{path}&sort=desc&per_page=7&scope[]=failed"));
    assert!(!failed.is_empty() && failed.iter().all(|row| row["status"] == "failed"));
    assert_eq!(failed.len(), rows.iter().filter(|row| row["status"] == "failed").count());
    assert!(ids(&rows).is_sorted_by(|one, other| one > other));
    assert!(
        rows.iter().all(|row| row["pipeline"]["iid"].is_u64() && row.get("downstream_pipeline").is_none())
    );
}

#[test]
fn jobs_are_the_same_whether_they_are_paged_by_keys_or_by_numbers() {
    let (world, api) = api(|_| ());
    for index in [0, 1, 7] {
        let path = format!("/api/v4/projects/{}/jobs?per_page=100", world.project(index).id);
        let (by_number, _) = walk(&api, &path);
        let (by_key, _) = walk(&api, &format!("{path}&pagination=keyset&order_by=id&sort=desc"));
        assert_eq!(by_key, by_number);
    }
}

#[test]
fn offsets_end_where_keys_have_to_be_used() {
    let (world, api) = api(|_| ());
    let id = world.project(0).id;
    let answer = get(&api, &format!("/api/v4/projects/{id}/jobs?per_page=100&page=501"));
    assert_eq!(answer.status, 405);
    assert!(answer.value()["error"].as_str().unwrap().contains("maximum allowed offset of 50000"));
    assert_eq!(get(&api, &format!("/api/v4/projects/{id}/pipelines?per_page=100&page=501")).status, 200);
}
