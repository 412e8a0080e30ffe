//! In: the cache. Out: the jars of the pinned Apache Kafka, fetched once by Maven. Only tests need
//! them: `gitpulse up` runs on nisshi, and production brings its own brokers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Cache, ProvideError,
    cache::failed,
    progress::{self, Progress, Unit},
    tool::Tool,
};

/// The version of Apache Kafka that the tests run against.
pub const KAFKA_VERSION: &str = "4.3.1";

const NAME: &str = "kafka-4.3.1";
const JARS: u64 = 46;

const MAVEN: Tool = Tool {
    name: "mvn",
    purpose: "Apache Kafka for tests",
    how_to_install: "install Maven and a Java 17 or newer (Debian, Ubuntu: `apt-get install maven \
         openjdk-17-jre-headless`)",
};

/// Kafka logs through slf4j; the simple binding writes to stderr and needs no file of its own.
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
      <version>4.3.1</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"#;

/// The folder of an Apache Kafka whose `libs` holds every jar, fetching it when it is missing.
///
/// Blocks, like [`Engines::provide`](super::Engines::provide), for half a minute the first time.
///
/// # Errors
///
/// When Maven is missing or fails, or the cache cannot be written; the error names the remedy.
pub fn provide_kafka(cache: &Cache) -> Result<PathBuf, ProvideError> {
    let target = cache.entry(NAME);
    if is_whole(&target) {
        return Ok(target);
    }
    let _lock = cache.lock(NAME)?;
    // Another process may have installed it while this one waited for the lock.
    if is_whole(&target) {
        return Ok(target);
    }
    progress::say(&format!(
        "installing Apache Kafka {KAFKA_VERSION} for tests: 44 MB to download, once; into {}",
        target.display()
    ));
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
    MAVEN.run_looking(
        &mut command,
        "see its last lines below, and check that this machine reaches Maven's repository",
        || progress.set(fs::read_dir(&libs).map_or(0, |jars| jars.count() as u64)),
    )?;
    progress.finish();
    work.install(&prepared, &target)?;
    Ok(target)
}

fn is_whole(installation: &Path) -> bool {
    // The folder gets its name only when everything is in it.
    installation.join("libs/kafka_2.13-4.3.1.jar").is_file()
}
