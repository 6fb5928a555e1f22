import java.math.BigDecimal;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;

/** Statements, cursors, transactions, batches, settings: what happens between connect and close. */
class Statements extends Steps {

    static void run() {
        step("prepared statement, seven times", c -> {
            try (
                PreparedStatement s = c.prepareStatement(
                    "SELECT code, price FROM teas WHERE price > ? AND name <> ? ORDER BY code LIMIT ?"
                )
            ) {
                for (int i = 0; i < 7; i++) {
                    s.setBigDecimal(1, new BigDecimal(i));
                    s.setString(2, "Mint");
                    s.setInt(3, 5);
                    equal(rows(s.executeQuery(), "code", "price"), List.of("OOL-1|18.50", "PUE-2|240.00"));
                }
                equal(s.getParameterMetaData().getParameterTypeName(1), "numeric");
                equal(s.getMetaData().getColumnName(1), "code");
            }
        });
        step("fetch size, a portal in parts", c -> {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.setFetchSize(2);
                equal(rows(s.executeQuery("SELECT id FROM orders ORDER BY id"), "id"), List.of("1", "2", "3", "4"));
                s.setMaxRows(3);
                equal(rows(s.executeQuery("SELECT id FROM orders ORDER BY id"), "id").size(), 3);
            }
            c.commit();
        });
        step("two portals open side by side", c -> {
            c.setAutoCommit(false);
            try (Statement one = c.createStatement(); Statement two = c.createStatement()) {
                one.setFetchSize(1);
                two.setFetchSize(1);
                ResultSet a = one.executeQuery("SELECT id FROM orders ORDER BY id"),
                    b = two.executeQuery("SELECT code FROM teas ORDER BY code");
                StringBuilder woven = new StringBuilder();
                while (b.next() && a.next()) woven.append(a.getInt(1)).append(b.getString(1)).append(' ');
                equal(woven.toString(), "1MIN-3 2OOL-1 3PUE-2 ");
            }
            c.commit();
        });
        step("transactions, savepoints, isolation, read only", c -> {
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            c.setAutoCommit(false);
            equal(update(c, "INSERT INTO stock.moves (id, what) VALUES (4100, 'kept')"), 1);
            Savepoint here = c.setSavepoint("here");
            equal(update(c, "DELETE FROM stock.moves WHERE id = 4100"), 1);
            c.rollback(here);
            equal(query(c, "SELECT what FROM stock.moves WHERE id = 4100", "what"), List.of("kept"));
            c.rollback();
            c.setReadOnly(true);
            expect("25006", x -> update(x, "DELETE FROM stock.moves"), c);
            c.rollback();
        });
        step(
            "autosave, a failed statement does not end the transaction",
            c -> {
                c.setAutoCommit(false);
                update(c, "INSERT INTO stock.moves (id, what) VALUES (4110, 'kept')");
                expect("23505", x -> update(x, "INSERT INTO stock.moves (id) VALUES (4110)"), c);
                equal(query(c, "SELECT what FROM stock.moves WHERE id = 4110", "what"), List.of("kept"));
                c.rollback();
            },
            "autosave",
            "always"
        );
        step("batch, and keys that were generated", c -> {
            update(c, "CREATE TABLE jdbc_batch (id serial PRIMARY KEY, what text)");
            try (
                PreparedStatement s = c.prepareStatement(
                    "INSERT INTO jdbc_batch (what) VALUES (?)",
                    Statement.RETURN_GENERATED_KEYS
                )
            ) {
                for (String what : List.of("a", "b", "c")) {
                    s.setString(1, what);
                    s.addBatch();
                }
                equal(Arrays.toString(s.executeBatch()), "[1, 1, 1]");
                equal(rows(s.getGeneratedKeys(), "id"), List.of("1", "2", "3"));
            } finally {
                update(c, "DROP TABLE jdbc_batch");
            }
        });
        step(
            "batch rewritten to rows of one INSERT",
            c -> {
                try (PreparedStatement s = c.prepareStatement("INSERT INTO stock.moves (id, what) VALUES (?, ?)")) {
                    for (int i = 0; i < 9; i++) {
                        s.setLong(1, 4120 + i);
                        s.setString(2, "b");
                        s.addBatch();
                    }
                    equal(s.executeBatch().length, 9);
                }
                equal(update(c, "DELETE FROM stock.moves WHERE id >= 4120"), 9);
            },
            "reWriteBatchedInserts",
            "true"
        );
        step("a batch with an error", c -> {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.addBatch("INSERT INTO stock.moves (id) VALUES (4130)");
                s.addBatch("INSERT INTO stock.moves (id) VALUES (4130)");
                try {
                    s.executeBatch();
                    throw new AssertionError("no error");
                } catch (BatchUpdateException e) {
                    equal(e.getSQLState(), "23505");
                }
            }
            c.rollback();
        });
        step(
            "simple protocol",
            c -> {
                try (PreparedStatement s = c.prepareStatement("SELECT ?::int + 1, ?")) {
                    s.setInt(1, 1);
                    s.setString(2, "it's");
                    try (ResultSet r = s.executeQuery()) {
                        r.next();
                        equal(r.getInt(1), 2);
                        equal(r.getString(2), "it's");
                    }
                }
            },
            "preferQueryMode",
            "simple"
        );
        step("several statements in one string", c -> {
            try (Statement s = c.createStatement()) {
                equal(
                    s.execute(
                        "SELECT 1; INSERT INTO stock.moves (id) VALUES (4140); DELETE FROM stock.moves WHERE id = 4140"
                    ),
                    true
                );
                equal(s.getMoreResults(), false);
                equal(s.getUpdateCount(), 1);
                equal(s.getMoreResults(), false);
                equal(s.getUpdateCount(), 1);
            }
        });
        step("updatable result", c -> {
            c.setAutoCommit(false);
            try (
                Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
                ResultSet r = s.executeQuery("SELECT code, stock FROM teas ORDER BY code")
            ) {
                r.absolute(2);
                r.updateInt("stock", 99);
                r.updateRow();
            }
            equal(query(c, "SELECT stock FROM teas WHERE code = 'OOL-1'", "stock"), List.of("99"));
            c.rollback();
        });
        step("temporary table", c -> {
            update(c, "CREATE TEMPORARY TABLE jdbc_basket (code text)");
            equal(update(c, "INSERT INTO jdbc_basket SELECT code FROM teas"), 3);
            equal(
                rows(c.getMetaData().getTables(null, null, "jdbc_basket", null), "TABLE_TYPE"),
                List.of("TEMPORARY TABLE")
            );
        });
        step("LISTEN and NOTIFY", c -> {
            update(c, "LISTEN cup");
            update(c, "NOTIFY cup, 'full'");
            org.postgresql.PGNotification[] heard = c.unwrap(PGConnection.class).getNotifications(5000);
            holds(heard != null && heard.length == 1, "nothing heard");
            equal(heard[0].getName() + " " + heard[0].getParameter(), "cup full");
        });
        step("a query's timeout cancels", c -> {
            try (Statement s = c.createStatement()) {
                s.setQueryTimeout(1);
                expect("57014", x -> s.executeQuery("SELECT pg_sleep(30)"), c);
            }
            equal(query(c, "SELECT 1 AS n", "n"), List.of("1"));
        });
        step(
            "TLS, with the server's name verified",
            c -> equal(query(c, "SELECT 1 AS n", "n"), List.of("1")),
            "sslmode",
            "verify-full",
            "sslrootcert",
            String.valueOf(System.getenv("TLS_CERT"))
        );
        step("settings and warnings", c -> {
            c.setSchema("stock");
            equal(c.getSchema(), "stock");
            try (Statement s = c.createStatement()) {
                s.execute("DROP TABLE IF EXISTS no_such_table");
                equal(s.getWarnings().getMessage(), "table \"no_such_table\" does not exist, skipping");
            }
            c.setClientInfo("ApplicationName", "cup");
            equal(query(c, "SHOW application_name", "application_name"), List.of("cup"));
        });
    }
}
