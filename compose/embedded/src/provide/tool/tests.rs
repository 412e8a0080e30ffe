use super::*;

const SHELL: Tool = Tool { name: "sh", purpose: "a test", how_to_install: "apt-get install dash" };

#[test]
fn a_missing_program_is_named_with_its_remedy() {
    let tool = Tool { name: "no-such-program", ..SHELL };
    let error = tool.check("--version").unwrap_err().to_string();
    assert!(error.contains("`no-such-program`") && error.contains("apt-get install dash"), "{error}");
}

#[test]
fn a_failure_shows_the_end_of_the_output() {
    let mut command = SHELL.command();
    command.args(["-c", "for i in $(seq 100); do echo line $i >&2; done; exit 3"]);
    let mut seen = 0;
    let error = SHELL
        .run_watching_stderr(&mut command, "try again", &CancellationToken::new(), |_| seen += 1)
        .unwrap_err()
        .to_string();
    assert_eq!(seen, 100);
    assert!(error.contains("exit status: 3") && error.contains("try again"), "{error}");
    assert!(error.contains("line 100") && error.contains("line 81\n"), "{error}");
    assert!(!error.contains("line 80\n"), "{error}");
}

#[test]
fn what_a_program_printed_comes_back() {
    let mut command = SHELL.command();
    command.args(["-c", "echo warning >&2; echo one; echo two"]);
    let printed = SHELL.run_polling(&mut command, "try again", &CancellationToken::new(), || ()).unwrap();
    assert_eq!(printed, "one\ntwo\n");
}

#[test]
fn a_program_that_is_to_stop_is_killed_with_what_it_has_started() {
    let stop = CancellationToken::new();
    stop.cancel();
    // The second one holds the output open: a caller that only killed the first would wait for it.
    let endless = ["-c", "sleep 1000 & sleep 1000"];
    let polled = SHELL.run_polling(SHELL.command().args(endless), "try again", &stop, || ());
    assert!(matches!(polled, Err(ProvideError::Stopped)), "{polled:?}");
    let watched = SHELL.run_watching_stderr(SHELL.command().args(endless), "try again", &stop, |_| ());
    assert!(matches!(watched, Err(ProvideError::Stopped)), "{watched:?}");
}

#[test]
fn only_what_steers_the_build_is_taken_away() {
    for removed in ["CARGO", "CARGO_TARGET_DIR", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "RUSTFLAGS"] {
        assert!(is_of_parent_cargo(removed), "{removed}");
    }
    for kept in ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_X_INDEX", "PATH", "RUSTUP_TOOLCHAIN"] {
        assert!(!is_of_parent_cargo(kept), "{kept}");
    }
}
