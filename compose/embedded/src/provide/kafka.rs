//! In: the cache, and what the user names. Out: Apache Kafka of the pinned version, with jars fetched once by Maven, and classes prepared once per
//! Java. Never downloads a Java.

use std::{
    fmt::Display,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{
    Cache, Overrides, ProvideError,
    cache::failed,
    java::Java,
    progress::{self, Progress, Unit},
    tool::Tool,
};
use crate::{
    broker,
    child::Listens,
    kafka::{ClassArchive, Kafka, KafkaNode, KafkaProgram},
};

/// The version of Apache Kafka that `up` and the tests run.
pub const KAFKA_VERSION: &str = "4.4.0";

/// The message before the jars are fetched.
pub(super) const ANNOUNCEMENT: &str = "Apache Kafka 4.4.0: 44 MB to download, 95 MB on disk, once";

const NAME: &str = "kafka-4.4.0";
const JAR: &str = "libs/kafka_2.13-4.4.0.jar";
const JARS: u64 = 47;

/// Timeout for the preparation of classes; after that Kafka starts without them.
const ARCHIVE_WITHIN: Duration = Duration::from_secs(60);

const MAVEN: Tool = Tool {
    name: "mvn",
    purpose: "Apache Kafka",
    how_to_install: "install Maven (Debian, Ubuntu: `apt-get install maven`), or set GITPULSE_KAFKA_DIR to the folder of an \
         unpacked Apache Kafka",
};

/// Kafka logs through slf4j; the simple binding writes to stderr and needs no file of its own. Kafka's tools (kafka-topics and the like) come with
/// it; Kafka Connect, which they could start, does not.
const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>gitpulse</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>4.4.0</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>4.4.0</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-api</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-transforms</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"#;

/// Whether the jars would have to be fetched.
pub(super) fn is_missing(cache: &Cache, overrides: &Overrides) -> bool {
    overrides.kafka_dir.is_none() && !is_whole(&cache.entry(NAME))
}

/// Finds the Java, and checks that the jars are there or can be fetched.
pub(super) fn check_machine(cache: &Cache, overrides: &Overrides) -> Result<Java, ProvideError> {
    let java = Java::find(overrides.java.as_deref())?;
    if is_missing(cache, overrides) {
        MAVEN.check("--version")?;
    }
    Ok(java)
}

/// Apache Kafka: the installation that the user names, else the one in the cache, whose jars are fetched when they are missing.
pub(super) fn provide(
    cache: &Cache,
    overrides: &Overrides,
    java: Java,
    stop: &CancellationToken,
) -> Result<KafkaProgram, ProvideError> {
    if let Some(folder) = &overrides.kafka_dir {
        if !has_jar_of_kafka(folder) {
            return Err(ProvideError::KafkaFolder { path: folder.clone() });
        }
        return Ok(KafkaProgram { java: java.program, installation: folder.clone(), archive: None });
    }
    let installation = cache.entry(NAME);
    let archive = installation.join(format!("java-{}.jsa", java.version));
    let program =
        |archive| KafkaProgram { java: java.program.clone(), installation: installation.clone(), archive };
    if installation.to_string_lossy().contains(':') {
        return Err(ProvideError::Colon { path: installation });
    }
    if !is_whole(&installation) || !archive.is_file() {
        let _lock = match cache.lock(NAME, stop) {
            Ok(lock) => lock,
            Err(ProvideError::Stopped) => return Err(ProvideError::Stopped),
            // A cache that somebody else filled, and that is not writable.
            Err(_) if is_whole(&installation) => return Ok(program(None)),
            Err(error) => return Err(error),
        };
        // Another process may have installed it while this one waited for the lock.
        if !is_whole(&installation) {
            fetch(cache, &installation, stop)?;
        }
        if !archive.is_file() {
            prepare_classes(cache, program, &archive, stop)?;
        }
    }
    Ok(program(archive.is_file().then_some(ClassArchive::Read(archive))))
}

fn fetch(cache: &Cache, installation: &Path, stop: &CancellationToken) -> Result<(), ProvideError> {
    progress::say(&format!("installing {ANNOUNCEMENT}; into {}", installation.display()));
    let work = cache.fresh_work_folder(NAME)?;
    let pom = work.path().join("pom.xml");
    fs::write(&pom, POM).map_err(failed("write", &pom))?;
    let prepared = work.path().join("root");
    let libs = prepared.join("libs");
    let mut command = MAVEN.command();
    command
        .args(["-B", "-q", "-C"])
        .arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies")
        .arg("-DincludeScope=runtime")
        .arg(format!("-DoutputDirectory={}", libs.display()))
        .current_dir(work.path());
    let mut progress = Progress::begin("fetching Kafka", Unit::Things("jars"), JARS);
    MAVEN.run_polling(
        &mut command,
        "see its last lines below, and check that this machine reaches Maven's repository; or set \
         GITPULSE_KAFKA_DIR to the folder of an unpacked Apache Kafka",
        stop,
        || progress.set(fs::read_dir(&libs).map_or(0, |jars| jars.count() as u64)),
    )?;
    progress.finish();
    work.install(&prepared, installation)
}

/// Starts Kafka once, so that Java saves its classes. Kafka runs without them too, so a failure does not fail the installation.
fn prepare_classes(
    cache: &Cache,
    program: impl FnOnce(Option<ClassArchive>) -> KafkaProgram,
    archive: &Path,
    stop: &CancellationToken,
) -> Result<(), ProvideError> {
    let started = Instant::now();
    let prepared = cache.fresh_work_folder("kafka-classes").map_err(text).and_then(|work| {
        let written = work.path().join("classes.jsa");
        run_once(program(Some(ClassArchive::Write(written.clone()))), work.path(), stop)?;
        if !written.is_file() {
            return Err("this Java writes no archive of classes".to_owned());
        }
        work.install(&written, archive).map_err(text)
    });
    if stop.is_cancelled() {
        return Err(ProvideError::Stopped);
    }
    match prepared {
        Ok(()) => {
            let seconds = started.elapsed().as_secs_f64();
            progress::say(&format!("prepared Kafka's classes for faster starts, in {seconds:.0} s"));
        }
        Err(reason) => tracing::debug!(reason, "Kafka starts without its class archive, which is slower"),
    }
    Ok(())
}

fn run_once(program: KafkaProgram, folder: &Path, stop: &CancellationToken) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    runtime.block_on(async {
        let listens = Listens { address: free_address().map_err(text)?, setting: "a free port" };
        let node = KafkaNode { listens, controller_port: free_address().map_err(text)?.port() };
        let kafka = Kafka { program, folder: folder.to_owned(), nodes: vec![node] };
        let child = kafka.child(1).await.map_err(text)?;
        // If this process is killed meanwhile, nothing runs for longer than that.
        let seconds = ARCHIVE_WITHIN.as_secs().to_string();
        let child = child.through(Path::new("timeout"), &[seconds.as_str()]);
        // Dropping it kills the process.
        let once = async { broker::start(child).await?.stop(ARCHIVE_WITHIN).await };
        match stop.run_until_cancelled(once).await {
            Some(ran) => ran.map(|_| ()).map_err(text),
            None => Err(text(ProvideError::Stopped)),
        }
    })
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn text(error: impl Display) -> String {
    error.to_string()
}

fn is_whole(installation: &Path) -> bool {
    // The folder gets its name only when it is complete.
    installation.join(JAR).is_file()
}

/// Any version: the user decides which.
fn has_jar_of_kafka(folder: &Path) -> bool {
    let Ok(jars) = fs::read_dir(folder.join("libs")) else { return false };
    jars.filter_map(Result::ok).any(|jar| jar.file_name().to_string_lossy().starts_with("kafka_2.13-"))
}
