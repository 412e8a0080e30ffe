use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// All compiled-in lists, by their path below `known`.
fn lists() -> Vec<(String, &'static str)> {
    let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Other);
    let mut lists: Vec<(String, &str)> = kinds
        .flat_map(|kind| [(format!("webhook/{kind}"), webhook(kind)), (format!("api/{kind}"), api(kind))])
        .collect();
    lists.extend(files("shapes").into_iter().map(|name| (format!("shapes/{name}"), shape(&name))));
    lists
}

fn files(face: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("known").join(face);
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_str().unwrap().strip_suffix(".txt").unwrap().to_owned()).collect()
}

#[test]
fn every_list_is_compiled_in_where_it_belongs() {
    for (name, list) in lists() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("known/{name}.txt"));
        assert_eq!(list, std::fs::read_to_string(&path).unwrap(), "{name}");
        assert!(list.starts_with("# "), "{name} does not say where it is from");
    }
    let kinds: BTreeSet<String> =
        EventKind::ALL.iter().map(|kind| kind.to_string()).filter(|kind| kind != "other").collect();
    assert_eq!(files("webhook"), kinds);
    assert_eq!(files("api"), kinds);
}

#[test]
fn every_line_of_every_list_says_something_once() {
    for (name, list) in lists() {
        let mut seen = BTreeSet::new();
        for line in lines(list) {
            assert!(!matches!(line, Line::Unreadable(_)), "{name}: {line:?}");
            if let Line::Values(_, values) = line {
                assert!(values.split(" | ").all(|value| !value.trim().is_empty()), "{name}: {line:?}");
            }
            assert!(seen.insert(format!("{line:?}")), "{name} has {line:?} twice");
        }
    }
}

#[test]
fn every_shape_is_there_and_is_used_and_none_stands_in_itself() {
    fn nesting(list: &'static str) -> usize {
        let shapes = lines(list).filter_map(|line| match line {
            Line::Shape(_, name) => Some(name),
            _ => None,
        });
        shapes.map(|name| 1 + nesting(shape(name))).max().unwrap_or(0)
    }
    let mut used = BTreeSet::new();
    for (name, list) in lists() {
        for line in lines(list) {
            if let Line::Shape(_, shape_name) = line {
                assert!(!shape(shape_name).is_empty(), "{name} has a {shape_name} that there is not");
                used.insert(shape_name.to_owned());
            }
        }
        // This would not end for a cycle.
        assert!(nesting(list) < MAX_NESTING, "{name}");
    }
    assert_eq!(used, files("shapes"));
}

#[track_caller]
fn check(line: &'static str, expected: Line) {
    assert_eq!(lines(line).collect::<Vec<_>>(), [expected]);
}

#[test]
fn lines_are_read_as_the_readme_says() {
    check("a.b # why", Line::Field("a.b"));
    check("a[].b = x | y z", Line::Values("a[].b", "x | y z"));
    check("a.*", Line::Free("a"));
    check("a[]: user", Line::Shape("a[]", "user"));
    check(": user", Line::Shape("", "user"));
    check("a..b", Line::Unreadable("a..b"));
    check("a b", Line::Unreadable("a b"));
    check("= x", Line::Unreadable("= x"));
    check("*", Line::Unreadable("*"));
    assert_eq!(lines("# nothing\n\n").count(), 0);
}

#[test]
fn a_circle_of_shapes_ends() {
    // No list has a cycle; the tree must be finite all the same.
    let mut root = Place::default();
    add(&mut root, "a: user\nb.c[]: user", 0);
    assert!(root.fields.get("a").is_none());
}
