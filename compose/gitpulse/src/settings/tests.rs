use clap::CommandFactory;

use super::*;
use crate::cli::Cli;

fn read(toml: &str) -> Result<(FileValues, Vec<TenantConfig>), String> {
    let (mut values, mut tenants) = (FileValues::new(), Vec::new());
    match read_toml(Path::new("gitpulse.toml"), toml, &known(&Cli::command()), &mut values, &mut tenants) {
        Ok(()) => Ok((values, tenants)),
        Err(SettingsError::File(message)) => Err(message),
        Err(SettingsError::CommandLine(error)) => Err(error.to_string()),
    }
}

#[track_caller]
fn check(toml: &str, message: &str) {
    let error = read(toml).err().unwrap();
    assert!(error.contains(message), "{error}");
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn tables_and_flat_keys_name_the_same_settings() {
    let (values, _) =
        read("listen = '127.0.0.1:9'\n[kafka]\nbrokers = 'a:1'\npartitions = 3\n[batch]\nmax-rows = 7")
            .unwrap();
    let value = |name: &str| values[name].value.as_str();
    assert_eq!(
        (value("listen"), value("kafka_brokers"), value("kafka_partitions")),
        ("127.0.0.1:9", "a:1", "3")
    );
    assert_eq!((value("batch_max_rows"), values["batch_max_rows"].origin.as_str()), ("7", "gitpulse.toml:6"));
}

#[test]
fn faults_name_the_key_the_file_and_the_line() {
    check("\n[kafka]\nbroker = 'a:1'", "gitpulse.toml:3: unknown key `kafka_broker`");
    check("listen = 'here'", "gitpulse.toml:1: `listen`: invalid value 'here'");
    check("[kafka]\npartitions = 0", "gitpulse.toml:2: `kafka_partitions`");
    check("listen = ", "gitpulse.toml:1");
    check("[[tenant]]\nname = 'a'\n\ntokes = ['x']", "gitpulse.toml:4: tenant: unknown field `tokes`");
    check("listen = 2026-01-01", "`listen`: expected a string");
}

#[test]
fn a_bad_secret_is_not_shown() {
    check("[kafka]\nproperties = 'hunter2'", "`kafka_properties`: properties are written key=value");
    check(
        "[kafka]\nproperties = 'sasl.password=hunter2,acks=0'",
        "`kafka_properties`: GitPulse sets acks itself",
    );
    for toml in [
        "[kafka]\nproperties = 'hunter2'",
        "[kafka]\nproperties = 'sasl.password=hunter2,acks=0'",
        "[[tenant]]\nname = 'a'\ntokens = 'hunter2'",
        "[[tenant]]\nname = 'a'\ntokens = [['hunter2']]",
        "[[tenant]]\nname = 'a'\nsigning_tokens = [{ token = 'hunter2' }]",
        "[[tenant]]\nname = 'a'\nallowed_networks = ['hunter2']",
        "[[tenant]]\nname = 'a'\npath_only = 'hunter2'",
        "[[tenant]]\nname = 'a'\ntokens = [hunter2]",
        "[[tenant]]\nname = 'a'\ntokens = ['hunter2]",
        "tenant = 'hunter2'",
    ] {
        let message = read(toml).err().unwrap();
        assert!(message.contains("gitpulse.toml:") && !message.contains("hunter2"), "{toml}: {message}");
    }
    check("[[tenant]]\nname = 'a'\ntokens = 'x'", "gitpulse.toml:3: tenant: a value has the wrong type");
    check("[[tenant]]\ntokens = ['x']", "tenant: missing field `name`");
}

#[test]
fn an_address_is_an_address_and_holds_no_password() {
    let fault = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        let source = Source { name, variable: "GITPULSE_X".to_owned(), value, origin: ".env:1".to_owned() };
        check_address(&source).err().unwrap_or_default()
    };
    for url in ["http://ada:hunter2@host:8123", "https://hunter2@host/", "ada:hunter2@host", ""] {
        let message = fault("clickhouse-url", url);
        assert!(message.starts_with("GITPULSE_X (.env:1): ") && !message.contains("hunter2"), "{message}");
    }
    assert!(fault("clickhouse-url", "http://a:b@host").contains("GITPULSE_CLICKHOUSE_PASSWORD"));
    assert!(fault("kafka-brokers", " ").contains("names no broker"));
    for (name, value) in [
        ("clickhouse-url", "http://127.0.0.1:8123"),
        ("clickhouse-url", "https://host/path@x?q=@"),
        ("kafka-brokers", "a:1,b:2"),
        ("listen", ""),
    ] {
        assert_eq!(fault(name, value), "");
    }
}

#[test]
fn tenants_are_tables_of_their_own() {
    let (_, tenants) = read("[[tenant]]\nname = 'a'\ntokens = ['x', 'y']\nallowed_networks = ['10.0.0.0/8']\n[[tenant]]\nname = 'b'\nsigning_tokens = ['whsec_z']").unwrap();
    assert_eq!((tenants.len(), tenants[0].tokens.len(), tenants[1].signing_tokens.len()), (2, 2, 1));
    assert!(!format!("{tenants:?}").contains("whsec_z"));
}

#[test]
fn file_values_give_way_to_flags() {
    let (values, _) = read("[kafka]\nbrokers = 'file:1'\ntopic-prefix = 'acme'").unwrap();
    let command = with_defaults(Cli::command(), &values);
    let matches =
        command.clone().try_get_matches_from(["gitpulse", "migrate", "--kafka-brokers", "flag:1"]).unwrap();
    let Ok(sources) = sources(&command, &matches, &values) else { panic!("no secret was given") };
    let of = |name: &str| {
        sources
            .iter()
            .find(|source| source.name == name)
            .map(|source| (source.value.as_str(), source.origin.as_str()))
    };
    assert_eq!(of("kafka-brokers"), Some(("flag:1", "command line")));
    assert_eq!(of("kafka-topic-prefix"), Some(("acme", "gitpulse.toml:3")));
    assert_eq!(of("kafka-partitions"), Some(("6", "default")));
}
