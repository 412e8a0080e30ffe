//! Clients in other languages: their libraries, in versions that are known to work, installed once into the folder for the build's temporary files.
//! The programs are in `clients/`. If a language is not installed, there is no program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

const PYTHON: [&str; 8] = [
    "clickhouse-connect[lz4,arrow,pandas]==1.12.0",
    "aiochclient==2.7.0",
    "aiohttp",
    "ibis-framework[clickhouse]==12.0.0",
    // ibis does not declare all of its imports.
    "packaging",
    "standardwebhooks==1.1.0",
    "kafka-python==3.0.12",
    "cloudevents==2.2.0",
];
const NODE: [&str; 1] = ["@clickhouse/client@1.23.1"];
/// Group, artifact, version. The last one suppresses the driver's log.
const JAVA: [[&str; 3]; 2] =
    [["com.clickhouse", "clickhouse-jdbc", "0.10.0"], ["org.slf4j", "slf4j-nop", "2.0.17"]];

/// A Python program that finds the clients.
pub(crate) fn python(name: &str) -> Option<Command> {
    let folder = folder("python", &PYTHON, |folder| {
        let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder).output().ok()?;
        made.status.success().then_some(())?;
        let mut install = Command::new(folder.join("bin/python"));
        install.args(["-m", "pip", "install", "-q"]).args(PYTHON);
        succeed(install);
        Some(())
    })?;
    let mut program = Command::new(folder.join("bin/python"));
    program.arg(source(name));
    Some(program)
}

/// The client of Node.
pub(crate) fn node() -> Option<Command> {
    let folder = folder("node", &NODE, |folder| {
        Command::new("npm").arg("--version").output().ok()?;
        std::fs::create_dir_all(folder).unwrap();
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(folder).args(NODE);
        succeed(install);
        Some(())
    })?;
    // Modules are searched from the program's own folder on.
    let copy = folder.join("clients.mjs");
    std::fs::copy(source("clients.mjs"), &copy).unwrap();
    let mut program = Command::new("node");
    program.arg(copy);
    Some(program)
}

/// The JDBC driver.
pub(crate) fn java() -> Option<Command> {
    let folder = folder("java", &JAVA.map(|artifact| artifact[2]), |folder| {
        Command::new("mvn").arg("--version").output().ok()?;
        std::fs::create_dir_all(folder).unwrap();
        let dependency = |[group, artifact, version]: [&str; 3]| {
            format!(
                "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
            )
        };
        let project = format!(
            "<project><modelVersion>4.0.0</modelVersion><groupId>tests</groupId><artifactId>clients</artifactId>\
             <version>1</version><packaging>pom</packaging><dependencies>{}</dependencies></project>",
            JAVA.map(dependency).concat()
        );
        std::fs::write(folder.join("pom.xml"), project).unwrap();
        let mut copy = Command::new("mvn");
        copy.current_dir(folder)
            .args(["-B", "-q", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"])
            .args(["-DincludeScope=runtime", "-DoutputDirectory=libs"]);
        succeed(copy);
        Some(())
    })?;
    let mut program = Command::new("java");
    program.arg("-XX:TieredStopAtLevel=1").arg("-cp").arg(folder.join("libs/*")).arg(source("Clients.java"));
    Some(program)
}

/// clickhouse-go, as `clients/go/go.mod` pins it. Go keeps what it has compiled.
pub(crate) fn go() -> Option<Command> {
    let go = |arguments: &[&str]| {
        let mut command = Command::new("go");
        // Since 1.21 Go downloads the version of itself that go.mod names.
        command.env("GOTOOLCHAIN", "auto").current_dir(source("go")).args(arguments);
        command
    };
    let version = go(&["env", "GOVERSION"]).output().ok()?.stdout;
    let minor =
        String::from_utf8(version).ok()?.trim().strip_prefix("go1.")?.split('.').next()?.parse::<u32>();
    if minor.ok()? < 26 {
        return None;
    }
    let program = temporary("go-clients");
    let mut build = go(&["build", "-o"]);
    build.arg(&program).arg(".");
    succeed(build);
    Some(Command::new(program))
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(name)
}

fn temporary(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A folder that `install` filled with exactly these versions; `None` if that is impossible.
fn folder(name: &str, versions: &[&str], install: impl FnOnce(&Path) -> Option<()>) -> Option<PathBuf> {
    // Several tests want the same one.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = temporary(name);
    let marker = folder.join(".installed");
    let wanted = versions.join("\n");
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Some(folder);
    }
    install(&folder)?;
    std::fs::write(marker, wanted).unwrap();
    Some(folder)
}

fn succeed(mut command: Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}
