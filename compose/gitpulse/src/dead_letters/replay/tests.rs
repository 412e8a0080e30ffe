use super::*;

#[track_caller]
fn check(bytes: &[u64], expected: &[usize]) {
    let letter = |bytes: &u64| Selected { id: Uuid::nil(), bytes: *bytes };
    let selected: Vec<Selected> = bytes.iter().map(letter).collect();
    let lengths: Vec<usize> = pages(&selected).map(<[Selected]>::len).collect();
    assert_eq!(lengths, expected);
}

#[test]
fn pages_hold_all_letters_and_neither_too_many_nor_too_much() {
    check(&[], &[]);
    check(&[10; 3], &[3]);
    check(&[10; 600], &[256, 256, 88]);
    let large = PAGE_BYTES;
    check(&[large, large, 1], &[1, 1, 1]);
    check(&[1, large, 1], &[2, 1]);
    check(&[large / 2; 5], &[2, 2, 1]);
}
