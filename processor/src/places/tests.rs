use super::*;

fn merged(iid: u64, second: i64, sha: &str) -> Merged {
    Merged {
        iid,
        branch: "main".to_owned(),
        source: format!("topic-{iid}"),
        second,
        head: format!("head{iid:04}"),
        merge_commit: sha.to_owned(),
        ..Merged::default()
    }
}

fn pushed(branch: &str, before: &str, after: &str, second: i64) -> Move {
    let [branch, before, after] = [branch, before, after].map(str::to_owned);
    Move { branch, before, after, second }
}

fn deployed(sha: &str) -> Deployed {
    Deployed { sha: sha.to_owned(), reference: "main".to_owned(), tier: "production".to_owned() }
}

/// A SHA made of one letter.
fn sha(letter: char) -> String {
    letter.to_string().repeat(40)
}

fn stands(told: &Told, of: &str) -> Vec<(String, i64, u64, &'static str)> {
    let (places, _) = places(told);
    let own = places.shas.into_iter().filter(|place| place.sha == of);
    own.map(|place| (place.branch, place.place, place.iid, place.word)).collect()
}

#[test]
fn a_direct_push_stands_where_the_merge_before_it_does() {
    let (a, x, y) = (sha('a'), sha('d'), sha('e'));
    let mut told = Told { merged: vec![merged(1, 10, &a)], deployed: vec![deployed(&y)], ..Told::default() };
    assert_eq!(stands(&told, &y), [(String::new(), 0, 0, "chain_gap")]);
    told.moves = vec![pushed("main", &x, &y, 30), pushed("main", &a, &x, 20)];
    assert_eq!(stands(&told, &y), [("main".to_owned(), 10_000, 0, "walk")]);
    // By parents, without any push.
    told.moves.clear();
    told.parents = vec![(y.clone(), x.clone()), (x, a)];
    assert_eq!(stands(&told, &y), [("main".to_owned(), 10_000, 0, "walk")]);
}

#[test]
fn a_commit_that_came_to_several_branches_stands_where_its_first_push_says() {
    // Whatever the alphabetical order of the SHAs.
    for [a, b] in [['a', 'b'], ['b', 'a']].map(|letters| letters.map(sha)) {
        let x = sha('d');
        let told = Told {
            merged: vec![merged(1, 10, &a), merged(2, 20, &b)],
            deployed: vec![deployed(&x)],
            moves: vec![pushed("production", &a, &x, 40), pushed("main", &b, &x, 30)],
            ..Told::default()
        };
        assert_eq!(stands(&told, &x), [("main".to_owned(), 20_000, 0, "walk")]);
    }
    // The SHA that was pushed there first is a dead end.
    let (a, x) = (sha('a'), sha('d'));
    let told = Told {
        merged: vec![merged(1, 10, &a)],
        deployed: vec![deployed(&x)],
        moves: vec![pushed("production", &sha('9'), &x, 20), pushed("main", &a, &x, 30)],
        ..Told::default()
    };
    assert_eq!(stands(&told, &x), [("main".to_owned(), 10_000, 0, "walk")]);
}

#[test]
fn a_branch_that_is_created_again_carries_what_it_is_created_with() {
    let shas = ['a', 'b', 'c', 'd'].map(sha);
    let [a, b, old, new] = &shas;
    let fix = |iid, second, sha: &str| Merged { branch: "release".to_owned(), ..merged(iid, second, sha) };
    let told = Told {
        merged: vec![merged(1, 10, a), merged(2, 40, b), fix(3, 20, old), fix(4, 60, new)],
        deployed: vec![deployed(old), deployed(new)],
        moves: vec![pushed("release", "", a, 15), pushed("release", "", b, 50)],
        ..Told::default()
    };
    let on_main = |sha: &str| {
        let mut on_main = stands(&told, sha).into_iter().filter(|(branch, ..)| branch == "main");
        on_main.next().map(|(_, place, ..)| place)
    };
    assert_eq!((on_main(old), on_main(new)), (Some(10_000), Some(40_000)));
}

#[test]
fn a_chain_that_goes_in_a_circle_leads_nowhere() {
    let (x, y) = (sha('d'), sha('e'));
    let moves = vec![pushed("main", &x, &y, 30), pushed("main", &y, &x, 20)];
    let told = Told {
        merged: vec![merged(1, 10, &sha('a'))],
        deployed: vec![deployed(&y)],
        moves,
        ..Told::default()
    };
    assert_eq!(stands(&told, &y), [(String::new(), 0, 0, "chain_gap")]);
}

#[test]
fn merges_of_one_second_are_in_the_order_of_their_pushes() {
    let shas = ['a', 'b', 'c'].map(sha);
    let [a, b, c] = &shas;
    let mut told =
        Told { merged: vec![merged(1, 10, a), merged(2, 10, b), merged(3, 10, c)], ..Told::default() };
    let ranks = |told: &Told| {
        places(told).0.requests.iter().map(|r| (r.place - 10_000, r.is_tie)).collect::<Vec<_>>()
    };
    assert_eq!(ranks(&told), [(0, true), (0, true), (0, true)]);
    told.moves = vec![pushed("main", b, a, 11), pushed("main", c, b, 11), pushed("main", &sha('f'), c, 11)];
    assert_eq!(ranks(&told), [(2, false), (1, false), (0, false)]);
    // Pushes to other branches do not count.
    told.moves.push(pushed("topic-1", &sha('9'), a, 11));
    assert_eq!(ranks(&told), [(2, false), (1, false), (0, false)]);
}

#[test]
fn a_promotion_of_a_promotion_is_followed() {
    let shas = ['a', 'b', 'c'].map(sha);
    let [a, b, c] = &shas;
    let on = |iid, second, sha: &str, branch: &str, source: &str, head: &str| Merged {
        branch: branch.to_owned(),
        source: source.to_owned(),
        head: head.to_owned(),
        ..merged(iid, second, sha)
    };
    let requests =
        vec![merged(1, 10, a), on(2, 20, b, "staging", "main", a), on(3, 30, c, "production", "staging", b)];
    let mut told = Told {
        merged: requests,
        deployed: vec![deployed(c)],
        default_branch: "main".to_owned(),
        ..Told::default()
    };
    told.deployed.push(Deployed {
        sha: sha('9'),
        reference: "staging".to_owned(),
        tier: "staging".to_owned(),
    });
    let branches: Vec<String> = stands(&told, c).into_iter().map(|(branch, ..)| branch).collect();
    assert_eq!(branches, ["main", "production", "staging"]);
    let promotions: Vec<bool> = places(&told).0.requests.iter().map(|request| request.is_promotion).collect();
    assert_eq!(promotions, [false, true, true]);
    // The branch of a stacked merge request is not permanent.
    told.deployed.pop();
    let promotions: Vec<bool> = places(&told).0.requests.iter().map(|request| request.is_promotion).collect();
    assert_eq!(promotions, [false, true, false]);
}

#[test]
fn a_branch_that_was_cut_and_then_only_merged_into_is_promoted_back() {
    let shas = ['a', 'b', 'c', 'd'].map(sha);
    let [a, b, c, own] = &shas;
    let hotfix = Merged { branch: "release/1".to_owned(), ..merged(2, 20, b) };
    let back = Merged { source: "release/1".to_owned(), head: b.clone(), ..merged(3, 30, c) };
    let mut told = Told {
        merged: vec![merged(1, 10, a), hotfix, back],
        deployed: vec![deployed(c)],
        moves: vec![pushed("release/1", "", a, 15), pushed("release/1", a, b, 20)],
        ..Told::default()
    };
    told.spoken = vec![Spoken { sha: c.clone(), reverts: vec!["!1".to_owned()], ..Spoken::default() }];
    let back = |told: &Told| {
        let request = places(told).0.requests.remove(2);
        (request.is_promotion, request.reverts)
    };
    // A later merge request reverts what it carries.
    assert_eq!(back(&told), (true, vec![]));
    let branches: Vec<String> = stands(&told, c).into_iter().map(|(branch, ..)| branch).collect();
    assert_eq!(branches, ["main", "release/1"]);
    // Somebody committed to it, or it started with a commit of its own, as a topic branch does.
    told.moves[1] = pushed("release/1", a, own, 18);
    assert_eq!(back(&told), (false, vec![1]));
    told.moves = vec![pushed("release/1", "", own, 15), pushed("release/1", own, b, 20)];
    assert_eq!(back(&told), (false, vec![1]));
}

#[test]
fn a_force_push_takes_what_lies_behind_it() {
    let shas = ['a', 'b', 'c'].map(sha);
    let [a, b, c] = &shas;
    let mut told =
        Told { merged: vec![merged(1, 10, a), merged(2, 20, b), merged(3, 30, c)], ..Told::default() };
    told.moves = vec![pushed("main", a, b, 20), pushed("main", b, c, 30), pushed("main", c, a, 50)];
    let rewritten = |told: &Told| places(told).0.requests.iter().map(|r| r.rewritten_at).collect::<Vec<_>>();
    assert_eq!(rewritten(&told), [0, 50, 50]);
    told.moves.push(pushed("main", a, c, 60));
    assert_eq!(rewritten(&told), [0, 0, 0]);
}

#[test]
fn reverts_are_known_by_branch_message_and_number() {
    let (a, b) = (sha('a'), sha('b'));
    let mut revert = merged(2, 20, &b);
    revert.source = "revert-aaaaaaaa".to_owned();
    let mut told = Told { merged: vec![merged(1, 10, &a), revert], ..Told::default() };
    assert_eq!(places(&told).0.requests[1].reverts, [1]);
    told.merged[1].source = "other".to_owned();
    assert!(places(&told).0.requests[1].reverts.is_empty());
    for said in [&a, "!1"] {
        let spoken = Spoken {
            sha: sha('7'),
            refs: vec!["refs/heads/other".to_owned()],
            reverts: vec![said.to_owned()],
            ..Spoken::default()
        };
        told.spoken = vec![spoken];
        assert_eq!(places(&told).0.requests[1].reverts, [1]);
    }
}

#[test]
fn what_is_told_in_another_order_is_the_same() {
    let shas: Vec<String> = "abcdef".chars().map(sha).collect();
    let mut told = Told {
        merged: shas.iter().take(3).zip(1..).map(|(sha, iid)| merged(iid, 10, sha)).collect(),
        deployed: shas.iter().map(|sha| deployed(sha)).collect(),
        moves: shas.windows(2).map(|pair| pushed("main", &pair[0], &pair[1], 10)).collect(),
        ..Told::default()
    };
    let first = places(&told);
    told.merged.reverse();
    told.deployed.reverse();
    told.moves.reverse();
    assert_eq!(places(&told), first);
}
