use super::*;

#[test]
fn pauses_grow_up_to_a_limit_and_have_jitter() {
    assert_eq!(pause(1, 0.0), PAUSE / 2);
    assert!(pause(1, 0.999) > PAUSE * 9 / 10);
    assert_eq!(pause(3, 0.0), PAUSE * 2);
    for attempts in [7, 8, 40, u32::MAX] {
        assert_eq!(pause(attempts, 0.0), PAUSE_MAX / 2, "{attempts}");
    }
}
