// Drives the embedded ClickHouse with its JDBC driver, unchanged: what DBeaver and other tools of the JVM do with it.
//
// Usage: java -cp 'LIBS/*' Clients.java jdbc:clickhouse://127.0.0.1:8123/default
// Needs: clickhouse-jdbc. Prints one line; exits non-zero on the first failure.

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;

public class Clients {
    private static void same(Object actual, Object expected, String what) {
        if (!expected.equals(actual)) {
            throw new AssertionError(what + ": expected " + expected + ", got " + actual);
        }
    }

    private static Connection connect(String url, String... properties) throws SQLException {
        Properties named = new Properties();
        for (int at = 0; at < properties.length; at += 2) {
            named.setProperty(properties[at], properties[at + 1]);
        }
        return DriverManager.getConnection(url, named);
    }

    private static void rows(String url, String table, String... properties) throws SQLException {
        try (Connection connection = connect(url, properties); Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE " + table + " (id UInt64, name String, note Nullable(String)) ENGINE = MergeTree ORDER BY id");
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + table + " (id, name, note) VALUES (?, ?, ?)")) {
                for (long id = 0; id < 500; id++) {
                    insert.setLong(1, id);
                    insert.setString(2, "n'" + id + "\t\\");
                    insert.setString(3, id % 2 == 0 ? "noted" : null);
                    insert.addBatch();
                }
                insert.executeBatch();
            }
            try (PreparedStatement select = connection.prepareStatement("SELECT id, name, note FROM " + table + " WHERE id >= ? ORDER BY id")) {
                select.setLong(1, 100);
                long id = 100;
                try (ResultSet found = select.executeQuery()) {
                    for (; found.next(); id++) {
                        same(found.getLong("id"), id, "id");
                        same(found.getString("name"), "n'" + id + "\t\\", "name");
                        same(String.valueOf(found.getString("note")), id % 2 == 0 ? "noted" : "null", "note");
                    }
                }
                same(id, 500L, "rows");
            }
            List<String> names = new ArrayList<>();
            try (ResultSet columns = connection.getMetaData().getColumns(null, "default", table, "%")) {
                while (columns.next()) {
                    names.add(columns.getString("COLUMN_NAME"));
                }
            }
            same(names, List.of("id", "name", "note"), "columns");
            try {
                statement.executeQuery("SELECT * FROM no_such_table");
                throw new AssertionError("a query of a missing table succeeded");
            } catch (SQLException error) {
                same(error.getErrorCode(), 60, "code of " + error.getMessage());
            }
        }
    }

    /** The stop button: cancel() from another thread, once the statement runs. */
    private static void cancel(String url) throws Exception {
        AtomicBoolean ended = new AtomicBoolean();
        try (Connection connection = connect(url); Connection other = connect(url); Statement statement = connection.createStatement()) {
            Thread stop = new Thread(() -> {
                try (Statement look = other.createStatement()) {
                    // A cancel that comes before the statement runs finds nothing.
                    while (!ended.get()) {
                        try (ResultSet found = look.executeQuery("SELECT count() FROM system.processes WHERE query LIKE '%stop me%' AND query NOT LIKE '%processes%'")) {
                            if (found.next() && found.getLong(1) > 0) {
                                statement.cancel();
                            }
                        }
                    }
                } catch (SQLException error) {
                    throw new IllegalStateException(error);
                }
            });
            stop.start();
            try (ResultSet found = statement.executeQuery("SELECT count() /* stop me */ FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))")) {
                found.next();
                throw new AssertionError("nothing stopped the statement");
            } catch (SQLException error) {
                String text = String.valueOf(error.getMessage()) + error.getCause();
                if (!text.contains("394") && !text.contains("QUERY_WAS_CANCELLED")) {
                    throw error;
                }
            } finally {
                ended.set(true);
                stop.join();
            }
        }
    }

    /** A read-only connection: readonly is set in a session, and statements follow in it. */
    private static void readOnly(String url, String table) throws SQLException {
        try (Connection connection = connect(url, "clickhouse_setting_session_id", "jdbc_" + table); Statement statement = connection.createStatement()) {
            statement.execute("SET readonly=1");
            try (ResultSet found = statement.executeQuery("SELECT count() FROM " + table)) {
                found.next();
                same(found.getLong(1), 500L, "rows in a read-only session");
            }
            try {
                statement.execute("INSERT INTO " + table + " (id) SELECT 1");
                throw new AssertionError("a read-only session wrote");
            } catch (SQLException error) {
                same(error.getErrorCode(), 164, "code of " + error.getMessage());
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        rows(url, "jdbc_lz4");
        rows(url, "jdbc_http", "client.use_http_compression", "true", "compress", "true", "decompress", "true");
        cancel(url);
        readOnly(url, "jdbc_lz4");
        System.out.println("clickhouse-jdbc: ok");
        // Threads of the driver's would keep the process alive.
        System.exit(0);
    }
}
