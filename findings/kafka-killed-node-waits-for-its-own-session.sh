#!/usr/bin/env bash
# Versions: Apache Kafka 4.4.0 (one KRaft node, broker and controller in one), Java 17 or newer.
# Happens:  a node that was killed (SIGKILL) and is started again answers nobody for the whole of broker.session.timeout.ms (9 s by
#           default), even if it was down for longer than that: its new controller believes the old incarnation alive, counts its session
#           from its own start, and refuses the new registration until then. After SIGTERM the same start takes as long as the JVM.
# Seen:     ready after a stop: 2.8 s; after a kill and 12 s of rest: 13.4 s, on a busy machine.
# Matters:  a single node's restart time after a crash is a setting of the session, not of the machine.
# Needs:    mvn, java, python3. Exit 0: still so. Exit 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'kill -9 "${broker:-0}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>4.4.0</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/libs" >mvn.log 2>&1

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
broker_port=$(port) controller_port=$(port)
cat > server.properties <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$broker_port,CONTROLLER://127.0.0.1:$controller_port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/log
offsets.topic.replication.factor=1
PROPERTIES
kafka() { exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$work/libs/*" "$@"; }
(kafka kafka.tools.StorageTool format --cluster-id Z2l0cHVsc2UtdGVzdHMxMQ --config server.properties >format.log)

# Starts the node, and prints how many seconds passed until its metadata names a broker (Metadata request, version 7).
start() {
  kafka kafka.Kafka server.properties >kafka.log 2>&1 &
  broker=$!
  python3 - "$broker_port" <<'PYTHON'
import socket, struct, sys, time
began = time.monotonic()
request = bytes([0, 0, 0, 15, 0, 3, 0, 7, 0, 0, 0, 1, 255, 255, 0, 0, 0, 0, 0])
while time.monotonic() - began < 60:
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2) as connection:
            connection.sendall(request)
            answer = b""
            while len(answer) < 16:
                piece = connection.recv(16 - len(answer))
                if not piece:
                    raise OSError
                answer += piece
            if struct.unpack(">i", answer[12:16])[0] > 0:
                print(f"{time.monotonic() - began:.1f}")
                break
    except OSError:
        pass
    time.sleep(0.05)
PYTHON
}

start >first
kill -TERM "$broker"; wait "$broker" || true
start >after_stop
kill -KILL "$broker"; wait "$broker" 2>/dev/null || true
sleep 12
start >after_kill
echo "Apache Kafka 4.4.0: ready $(cat after_stop) s after a start that follows a stop, $(cat after_kill) s after one that follows a kill and 12 s of rest"
python3 - "$(cat after_stop)" "$(cat after_kill)" <<'PYTHON'
import sys
stop, kill = map(float, sys.argv[1:])
sys.exit(0 if kill >= 9 and kill > stop + 4 else 1)
PYTHON
