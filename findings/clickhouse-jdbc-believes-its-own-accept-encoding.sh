#!/usr/bin/env bash
# Versions: com.clickhouse:clickhouse-jdbc 0.10.0 (client-v2 0.10.0), Java 17.
# Happens:  with client.use_http_compression=true the driver sends Accept-Encoding: lz4, and reads the answer as LZ4 whether or not the answer has a
#           Content-Encoding. An answer without one, which HTTP allows any server and any proxy to send, is decoded to nothing.
# Seen:     "Failed to read header" or "Non-empty typeName is required" for a plain answer of one row; 1 for the same answer without use_http_compression.
# Matters:  a server or gateway that does not compress looks like a broken driver; an answer must be encoded as it was asked for.
# Needs:    mvn, java, python3. Exit 0: still so. Exit 1: it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${server:-0}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
cat > pom.xml <<'POM'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>jdbc</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>com.clickhouse</groupId><artifactId>clickhouse-jdbc</artifactId><version>0.10.0</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
  </dependencies>
</project>
POM
mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory=libs >mvn.log 2>&1
# Answers every request with the same row, never encoded: one column, v, of type String.
cat > server.py <<'PYTHON'
import http.server
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        if self.headers.get("Content-Length"):
            self.rfile.read(int(self.headers["Content-Length"]))
        elif self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                self.rfile.read(length + 2)
            self.rfile.readline()
        body = b"\x01\x01v\x06String\x011"
        self.send_response(200)
        self.send_header("X-ClickHouse-Format", "RowBinaryWithNamesAndTypes")
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 server.py >port &
server=$!
until [ -s port ]; do sleep 0.1; done
cat > Finding.java <<'JAVA'
import java.sql.*;
import java.util.Properties;
public class Finding {
    static String ask(String url, String... named) {
        Properties properties = new Properties();
        // Both ways, and no blocks of ClickHouse's own.
        properties.setProperty("decompress", "false");
        properties.setProperty("compress", named.length > 0 ? "true" : "false");
        for (String name : named) properties.setProperty(name, "true");
        try (Connection connection = DriverManager.getConnection(url, properties); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery("SELECT v")) {
            row.next();
            return row.getString(1);
        } catch (Exception error) {
            return error.getMessage();
        }
    }
    public static void main(String[] arguments) {
        System.out.println("plain: " + ask(arguments[0]));
        System.out.println("asked for lz4, answered plain: " + ask(arguments[0], "client.use_http_compression"));
        System.exit(0);
    }
}
JAVA
java -cp 'libs/*' Finding.java "jdbc:clickhouse://127.0.0.1:$(cat port)/default" | tee seen
grep -q '^plain: 1$' seen && ! grep -q '^asked for lz4, answered plain: 1$' seen
