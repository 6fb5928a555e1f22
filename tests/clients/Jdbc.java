// pgjdbc: the extended protocol always; BEGIN as a statement of its own in the same batch; a named statement and binary
// values from the fifth execution on; a portal with a limit of rows once a fetch size is set. DatabaseMetaData is what
// DBeaver, DataGrip, Metabase, Looker and Power BI's gateway ask.
//
//   java -cp postgresql.jar tests/clients/Jdbc.java          (where to connect: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE)

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;

public class Jdbc {
    static final boolean PEER = "1".equals(System.getenv("PEER"));
    static int passed = 0, all = 0;

    interface Step { void run(Connection c) throws Exception; }

    static Connection connect(boolean analyst, String... options) throws SQLException {
        Properties p = new Properties();
        p.put("user", analyst ? "analyst" : System.getenv("PGUSER"));
        p.put("password", System.getenv(analyst ? "ANALYST_PASSWORD" : "PGPASSWORD"));
        p.put("ApplicationName", "jdbc steps");
        p.put("connectTimeout", "10");
        p.put("socketTimeout", "60");
        for (int i = 0; i < options.length; i += 2) p.put(options[i], options[i + 1]);
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        return DriverManager.getConnection(url, p);
    }

    static void run(String name, boolean analyst, Step step, String... options) {
        all++;
        try (Connection c = connect(analyst, options)) {
            step.run(c);
            passed++;
            System.out.println("ok " + name);
        } catch (Throwable e) {
            String line = String.valueOf(e.getMessage()).strip().split("\n")[0];
            System.out.println("FAIL " + name + ": " + e.getClass().getSimpleName() + " " + line);
        }
    }

    static void step(String name, Step step, String... options) { run(name, false, step, options); }

    static void analyst(String name, Step step) { run(name, true, step); }

    static void onlySteward(String name, boolean analyst, Step step) { if (!PEER) run(name, analyst, step); }

    static void equal(Object got, Object wanted) {
        if (!Objects.equals(got, wanted)) throw new AssertionError("got " + show(got) + ", wanted " + show(wanted));
    }

    static String show(Object value) { return value == null ? "null" : value + " (" + value.getClass().getSimpleName() + ")"; }

    static void holds(boolean condition, Object otherwise) { if (!condition) throw new AssertionError(otherwise); }

    /** The rows of a result, the given columns of each joined by a bar. */
    static List<String> rows(ResultSet r, String... columns) throws SQLException {
        List<String> found = new ArrayList<>();
        try (r) {
            while (r.next()) {
                StringJoiner row = new StringJoiner("|");
                for (String column : columns) row.add(r.getString(column));
                found.add(row.toString());
            }
        }
        return found;
    }

    static List<String> query(Connection c, String sql, String... columns) throws SQLException {
        try (Statement s = c.createStatement()) { return rows(s.executeQuery(sql), columns); }
    }

    static int update(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) { return s.executeUpdate(sql); }
    }

    static PSQLException expect(String state, Step step, Connection c) throws Exception {
        try { step.run(c); } catch (PSQLException e) { equal(e.getSQLState(), state); return e; }
        throw new AssertionError("no error " + state);
    }

    public static void main(String[] none) {
        metadata();
        values();
        statements();
        copy();
        errors();
        governance();
        System.out.println("jdbc: " + passed + " of " + all + " steps");
        System.exit(passed == all ? 0 : 1);
    }

    static void metadata() {
        step("product, version, limits", c -> {
            DatabaseMetaData m = c.getMetaData();
            equal(m.getDatabaseProductName(), "PostgreSQL");
            equal(m.getDatabaseMajorVersion(), 15);
            equal(m.getMaxColumnNameLength(), 63);
            equal(m.getMaxColumnsInIndex(), 32);
            equal(m.getDefaultTransactionIsolation(), Connection.TRANSACTION_READ_COMMITTED);
            holds(m.getSQLKeywords().contains("vacuum") || m.getSQLKeywords().length() > 100, m.getSQLKeywords());
            equal(c.isValid(5), true);
            equal(c.getSchema(), "public");
            equal(c.getCatalog(), System.getenv("PGDATABASE"));
        });
        step("getCatalogs, getSchemas, getTableTypes", c -> {
            DatabaseMetaData m = c.getMetaData();
            holds(rows(m.getCatalogs(), "TABLE_CAT").contains(System.getenv("PGDATABASE")), "catalogue");
            holds(rows(m.getSchemas(), "TABLE_SCHEM").containsAll(List.of("public", "stock")), "schemas");
            equal(rows(m.getSchemas(null, "st%k"), "TABLE_SCHEM"), List.of("stock"));
            holds(rows(m.getTableTypes(), "TABLE_TYPE").containsAll(List.of("TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE")), "types");
        });
        step("getTables", c -> {
            DatabaseMetaData m = c.getMetaData();
            List<String> tables = rows(m.getTables(null, "public", "%", new String[] {"TABLE"}), "TABLE_NAME", "REMARKS");
            holds(tables.containsAll(List.of("customers|Who buys; personal data", "orders|null", "teas|What we sell")), tables);
            equal(rows(m.getTables(null, "public", "%", new String[] {"VIEW"}), "TABLE_NAME", "TABLE_TYPE"), List.of("dear_orders|VIEW"));
            holds(rows(m.getTables(null, null, null, null), "TABLE_SCHEM", "TABLE_NAME").containsAll(List.of("stock|moves", "pg_catalog|pg_class")), "all");
        });
        step("getTables, materialized views and sequences", c -> {
            DatabaseMetaData m = c.getMetaData();
            equal(rows(m.getTables(null, "public", "%", new String[] {"MATERIALIZED VIEW"}), "TABLE_NAME"), List.of("tea_totals"));
            holds(rows(m.getTables(null, "public", "%", new String[] {"SEQUENCE"}), "TABLE_NAME").containsAll(List.of("invoice_numbers", "orders_id_seq")), "sequences");
        });
        step("getColumns", c -> {
            List<String> found = rows(c.getMetaData().getColumns(null, "public", "orders", "%"), "COLUMN_NAME", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "IS_NULLABLE", "ORDINAL_POSITION", "IS_AUTOINCREMENT");
            equal(found, List.of("id|bigserial|19|0|NO|1|YES", "customer_id|int4|10|0|NO|2|NO", "code|varchar|8|0|NO|3|NO", "quantity|int4|10|0|NO|4|NO",
                "total|numeric|12|2|YES|5|NO", "placed|timestamptz|35|6|NO|6|NO"));
            equal(rows(c.getMetaData().getColumns(null, "public", "customers", "email"), "REMARKS"), List.of("Login address (PII)"));
            equal(rows(c.getMetaData().getColumns(null, "public", "customers", "id"), "IS_AUTOINCREMENT", "IS_GENERATEDCOLUMN"), List.of("YES|NO"));
        });
        step("getPrimaryKeys and getIndexInfo", c -> {
            equal(rows(c.getMetaData().getPrimaryKeys(null, "public", "orders"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME"), List.of("id|1|orders_pkey"));
            List<String> unique = rows(c.getMetaData().getIndexInfo(null, "public", "orders", true, true), "INDEX_NAME", "ORDINAL_POSITION", "COLUMN_NAME", "NON_UNIQUE");
            equal(unique, List.of("orders_once|1|customer_id|f", "orders_once|2|code|f", "orders_once|3|placed|f", "orders_pkey|1|id|f"));
        });
        step("getIndexInfo of plain indexes", c -> {
            List<String> found = rows(c.getMetaData().getIndexInfo(null, "public", "teas", false, true), "INDEX_NAME", "COLUMN_NAME", "ASC_OR_DESC", "FILTER_CONDITION");
            holds(found.containsAll(List.of("teas_name_idx|name|A|null", "teas_cheap_idx|price|D|(stock > 0)", "teas_cheap_idx|stock|A|(stock > 0)")), found);
        });
        step("getImportedKeys, getExportedKeys, getCrossReference", c -> {
            DatabaseMetaData m = c.getMetaData();
            equal(rows(m.getImportedKeys(null, "public", "orders"), "PKTABLE_NAME", "FKCOLUMN_NAME", "DELETE_RULE"), List.of("customers|customer_id|0", "teas|code|3"));
            equal(rows(m.getExportedKeys(null, "public", "teas"), "FKTABLE_NAME", "FK_NAME"), List.of("orders|orders_code_fkey"));
            equal(rows(m.getCrossReference(null, "public", "customers", null, "public", "orders"), "PKCOLUMN_NAME"), List.of("id"));
        });
        step("getTablePrivileges and getColumnPrivileges", c -> {
            List<String> found = rows(c.getMetaData().getTablePrivileges(null, "public", "teas"), "GRANTEE", "PRIVILEGE", "IS_GRANTABLE");
            holds(found.contains("reporting|SELECT|NO") && found.contains(System.getenv("PGUSER") + "|DELETE|YES"), found);
            found = rows(c.getMetaData().getColumnPrivileges(null, "public", "teas", "price"), "GRANTEE", "PRIVILEGE");
            holds(found.contains(System.getenv("PGUSER") + "|SELECT"), found);
        });
        step("getTypeInfo and getBestRowIdentifier", c -> {
            holds(rows(c.getMetaData().getTypeInfo(), "TYPE_NAME").containsAll(List.of("int4", "text", "numeric", "timestamptz", "jsonb", "uuid")), "types");
            equal(rows(c.getMetaData().getBestRowIdentifier(null, "public", "teas", DatabaseMetaData.bestRowSession, true), "COLUMN_NAME", "TYPE_NAME"), List.of("code|varchar"));
        });
        step("getFunctions and getProcedureColumns", c -> {
            equal(rows(c.getMetaData().getFunctions(null, "public", "order_t%"), "FUNCTION_NAME"), List.of("order_total"));
            holds(rows(c.getMetaData().getFunctionColumns(null, "public", "order_total", "%"), "COLUMN_NAME", "TYPE_NAME").contains("wanted|int8"), "arguments");
        });
        step("getUDTs and getVersionColumns", c -> {
            rows(c.getMetaData().getUDTs(null, "%", "%", null), "TYPE_NAME");
            equal(rows(c.getMetaData().getVersionColumns(null, "public", "teas"), "COLUMN_NAME"), List.of("ctid"));
        });
    }

    static void values() {
        step("values and their classes", c -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT * FROM teas WHERE code = 'OOL-1'")) {
                holds(r.next(), "no row");
                oolong(r);
            }
        });
        step("values in binary", c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT * FROM teas WHERE code = ?")) {
                s.setString(1, "OOL-1");
                for (int i = 0; i < 3; i++) try (ResultSet r = s.executeQuery()) { holds(r.next(), "no row"); oolong(r); }
            }
        }, "prepareThreshold", "-1", "binaryTransfer", "true");
        step("NULL is told apart from zero", c -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT rating, stock, labels FROM teas WHERE code = 'PUE-2'")) {
                r.next();
                equal(r.getFloat(1), 0f);
                equal(r.wasNull(), true);
                equal(r.getInt(2), 0);
                equal(r.wasNull(), false);
                equal(((String[]) r.getArray(3).getArray()).length, 0);
            }
        });
        step("metadata of results", c -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT o.id, t.price AS cost, t.labels, c.email FROM orders o JOIN teas t USING (code) JOIN customers c ON c.id = o.customer_id")) {
                ResultSetMetaData m = r.getMetaData();
                equal(m.getColumnTypeName(1), "bigserial");
                equal(m.isAutoIncrement(1), true);
                equal(m.getColumnLabel(2), "cost");
                equal(List.of(m.getPrecision(2), m.getScale(2)), List.of(10, 2));
                equal(m.getColumnClassName(3), "java.sql.Array");
                equal(m.isNullable(4), ResultSetMetaData.columnNoNulls);
                equal(m.getTableName(4), "customers");
                equal(((org.postgresql.PGResultSetMetaData) m).getBaseColumnName(2), "price");
            }
        });
        step("parameters come back as they went", c -> {
            String sql = "SELECT ?::int, ?::int8, ?::text, ?::numeric, ?::float8, ?::bool, ?::date, ?::timestamptz, ?::uuid, ?::bytea, ?::int[], ?::text";
            try (PreparedStatement s = c.prepareStatement(sql)) {
                s.setInt(1, 7); s.setLong(2, 1L << 40); s.setString(3, "x'y 茶"); s.setBigDecimal(4, new BigDecimal("-1.500")); s.setDouble(5, 2.5);
                s.setBoolean(6, true); s.setObject(7, LocalDate.of(2026, 1, 2)); s.setObject(8, OffsetDateTime.parse("2026-01-02T03:04:05.678Z"));
                s.setObject(9, new UUID(0, 5)); s.setBytes(10, new byte[] {0, -1}); s.setArray(11, c.createArrayOf("int4", new Integer[] {1, null, 3})); s.setNull(12, Types.VARCHAR);
                for (int i = 0; i < 7; i++) try (ResultSet r = s.executeQuery()) {
                    r.next();
                    equal(r.getInt(1), 7); equal(r.getLong(2), 1L << 40); equal(r.getString(3), "x'y 茶"); equal(r.getBigDecimal(4), new BigDecimal("-1.500"));
                    equal(r.getDouble(5), 2.5); equal(r.getBoolean(6), true); equal(r.getObject(7, LocalDate.class), LocalDate.of(2026, 1, 2));
                    equal(r.getObject(8, OffsetDateTime.class).toInstant(), OffsetDateTime.parse("2026-01-02T03:04:05.678Z").toInstant());
                    equal(r.getObject(9), new UUID(0, 5)); equal(r.getBytes(10)[1], (byte) -1);
                    equal(Arrays.asList((Integer[]) r.getArray(11).getArray()), Arrays.asList(1, null, 3)); equal(r.getString(12), null);
                }
            }
        });
        step("jsonb as an object of the driver", c -> {
            org.postgresql.util.PGobject json = new org.postgresql.util.PGobject();
            json.setType("jsonb");
            json.setValue("{\"origin\": \"Fujian\"}");
            try (PreparedStatement s = c.prepareStatement("SELECT code FROM teas WHERE attrs @> ?")) {
                s.setObject(1, json);
                equal(rows(s.executeQuery(), "code"), List.of("OOL-1"));
            }
        });
        step("enum", c -> {
            equal(query(c, "SELECT state FROM parcels ORDER BY state", "state"), List.of("packed", "sent", "lost"));
            try (PreparedStatement s = c.prepareStatement("SELECT id FROM parcels WHERE state = ?::parcel_state")) {
                s.setString(1, "lost");
                equal(rows(s.executeQuery(), "id"), List.of("3"));
            }
        });
    }

    static void oolong(ResultSet r) throws SQLException {
        equal(r.getObject("code"), "OOL-1");
        equal(r.getString("name"), "Oolong 乌龙茶");
        equal(r.getObject("price"), new BigDecimal("18.50"));
        equal(r.getObject("grams"), 100);
        equal(r.getObject("sold"), 9007199254740993L);
        equal(r.getObject("rating"), 4.5f);
        equal(r.getObject("share"), 0.875);
        equal(r.getObject("organic"), true);
        equal(Arrays.asList((String[]) r.getArray("labels").getArray()), List.of("roasted", "dark"));
        equal(Arrays.asList((Integer[]) r.getArray("batches").getArray()), List.of(3, 1, 2));
        equal(r.getString("attrs"), "{\"origin\": \"Fujian\", \"steeps\": 5}");
        equal(Arrays.toString(r.getBytes("leaf")), "[0, -1, 16]");
        equal(r.getObject("uid"), UUID.fromString("6f1d0c1e-0000-4000-8000-000000000001"));
        equal(r.getObject("harvested", LocalDate.class), LocalDate.of(2025, 4, 18));
        equal(r.getObject("opens", LocalTime.class), LocalTime.of(8, 30));
        equal(r.getTimestamp("tasted").toLocalDateTime().toString(), "2025-05-01T10:15:30.250");
        equal(r.getObject("listed", OffsetDateTime.class).toInstant().toString(), "2025-06-01T00:00:00Z");
        equal(r.getString("steep"), "00:03:30");
    }

    static void statements() {
        step("prepared statement, seven times", c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT code, price FROM teas WHERE price > ? AND name <> ? ORDER BY code LIMIT ?")) {
                for (int i = 0; i < 7; i++) {
                    s.setBigDecimal(1, new BigDecimal(i)); s.setString(2, "Mint"); s.setInt(3, 5);
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
                one.setFetchSize(1); two.setFetchSize(1);
                ResultSet a = one.executeQuery("SELECT id FROM orders ORDER BY id"), b = two.executeQuery("SELECT code FROM teas ORDER BY code");
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
        step("autosave, a failed statement does not end the transaction", c -> {
            c.setAutoCommit(false);
            update(c, "INSERT INTO stock.moves (id, what) VALUES (4110, 'kept')");
            expect("23505", x -> update(x, "INSERT INTO stock.moves (id) VALUES (4110)"), c);
            equal(query(c, "SELECT what FROM stock.moves WHERE id = 4110", "what"), List.of("kept"));
            c.rollback();
        }, "autosave", "always");
        step("batch, and keys that were generated", c -> {
            update(c, "CREATE TABLE jdbc_batch (id serial PRIMARY KEY, what text)");
            try (PreparedStatement s = c.prepareStatement("INSERT INTO jdbc_batch (what) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
                for (String what : List.of("a", "b", "c")) { s.setString(1, what); s.addBatch(); }
                equal(Arrays.toString(s.executeBatch()), "[1, 1, 1]");
                equal(rows(s.getGeneratedKeys(), "id"), List.of("1", "2", "3"));
            } finally { update(c, "DROP TABLE jdbc_batch"); }
        });
        step("batch rewritten to rows of one INSERT", c -> {
            try (PreparedStatement s = c.prepareStatement("INSERT INTO stock.moves (id, what) VALUES (?, ?)")) {
                for (int i = 0; i < 9; i++) { s.setLong(1, 4120 + i); s.setString(2, "b"); s.addBatch(); }
                equal(s.executeBatch().length, 9);
            }
            equal(update(c, "DELETE FROM stock.moves WHERE id >= 4120"), 9);
        }, "reWriteBatchedInserts", "true");
        step("a batch with an error", c -> {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.addBatch("INSERT INTO stock.moves (id) VALUES (4130)");
                s.addBatch("INSERT INTO stock.moves (id) VALUES (4130)");
                try { s.executeBatch(); throw new AssertionError("no error"); } catch (BatchUpdateException e) { equal(e.getSQLState(), "23505"); }
            }
            c.rollback();
        });
        step("simple protocol", c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT ?::int + 1, ?")) {
                s.setInt(1, 1); s.setString(2, "it's");
                try (ResultSet r = s.executeQuery()) { r.next(); equal(r.getInt(1), 2); equal(r.getString(2), "it's"); }
            }
        }, "preferQueryMode", "simple");
        step("several statements in one string", c -> {
            try (Statement s = c.createStatement()) {
                equal(s.execute("SELECT 1; INSERT INTO stock.moves (id) VALUES (4140); DELETE FROM stock.moves WHERE id = 4140"), true);
                equal(s.getMoreResults(), false);
                equal(s.getUpdateCount(), 1);
                equal(s.getMoreResults(), false);
                equal(s.getUpdateCount(), 1);
            }
        });
        step("updatable result", c -> {
            c.setAutoCommit(false);
            try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE); ResultSet r = s.executeQuery("SELECT code, stock FROM teas ORDER BY code")) {
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
            equal(rows(c.getMetaData().getTables(null, null, "jdbc_basket", null), "TABLE_TYPE"), List.of("TEMPORARY TABLE"));
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
        step("TLS, with the server's name verified", c -> equal(query(c, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "ssl"), List.of("t")),
            "sslmode", "verify-full", "sslrootcert", String.valueOf(System.getenv("TLS_CERT")));
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

    static void copy() {
        step("CopyManager", c -> {
            CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
            StringWriter out = new StringWriter();
            equal(m.copyOut("COPY (SELECT code, stock FROM teas ORDER BY 1) TO STDOUT WITH (FORMAT csv)", out), 3L);
            equal(out.toString(), "MIN-3,40\nOOL-1,12\nPUE-2,0\n");
            equal(m.copyIn("COPY stock.moves (id, what) FROM STDIN WITH (FORMAT csv)", new StringReader("4200,x\n4201,\"y, z\"\n")), 2L);
            equal(query(c, "SELECT what FROM stock.moves WHERE id = 4201", "what"), List.of("y, z"));
            equal(update(c, "DELETE FROM stock.moves WHERE id >= 4200"), 2);
        });
        step("CopyManager, an error, and the connection lives on", c -> {
            CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
            expect("22P02", x -> m.copyIn("COPY stock.moves (id) FROM STDIN", new StringReader("abc\n")), c);
            equal(query(c, "SELECT count(*) AS n FROM stock.moves", "n"), List.of("0"));
        });
    }

    static void errors() {
        step("SQLSTATEs", c -> {
            String[][] cases = {{"SELEC 1", "42601"}, {"SELECT * FROM nowhere", "42P01"}, {"SELECT flavour FROM teas", "42703"}, {"SELECT no_function(1)", "42883"},
                {"SELECT 1/0", "22012"}, {"SELECT 'x'::int", "22P02"}, {"INSERT INTO orders (customer_id, code) VALUES (99, 'MIN-3')", "23503"}, {"INSERT INTO teas (code) VALUES ('X')", "23502"}};
            for (String[] one : cases) expect(one[1], x -> { try (Statement s = x.createStatement()) { s.execute(one[0]); } }, c);
        });
        step("fields of an error", c -> {
            var m = expect("23505", x -> update(x, "INSERT INTO teas (code, name, price) VALUES ('OOL-1', 'x', 1)"), c).getServerErrorMessage();
            equal(List.of(m.getSeverity(), m.getSchema(), m.getTable(), m.getConstraint(), m.getDetail()), List.of("ERROR", "public", "teas", "teas_pkey", "Key (code)=(OOL-1) already exists."));
            equal(expect("42703", x -> query(x, "SELECT flavour FROM teas"), c).getServerErrorMessage().getPosition(), 8);
        });
    }

    static void governance() {
        analyst("a role sees the rows that its policy lets through", c -> {
            equal(query(c, "SELECT id FROM orders ORDER BY id", "id"), List.of("1", "3", "4"));
            expect("42501", x -> query(x, "SELECT * FROM stock.moves"), c);
        });
        onlySteward("a role sees e-mail addresses masked", true, c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT email FROM customers WHERE id = ?")) {
                for (int i = 0; i < 7; i++) { s.setInt(1, 1); equal(rows(s.executeQuery(), "email"), List.of("m***@t***.example")); }
            }
        });
        onlySteward("model functions", false, c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT CLASSIFY(?), PREDICT_CTR(?, ?, '{\"slot\": 1}'), QUALITY('teas'), CLASSIFY_DETAIL(?)")) {
                s.setString(1, "mei@tea.example"); s.setString(2, "visitor-1"); s.setString(3, "tea-1"); s.setString(4, "mei@tea.example");
                try (ResultSet r = s.executeQuery()) {
                    ResultSetMetaData m = r.getMetaData();
                    equal(List.of(m.getColumnTypeName(1), m.getColumnTypeName(2), m.getColumnTypeName(3), m.getColumnTypeName(4)), List.of("text", "float8", "float8", "jsonb"));
                    r.next();
                    equal(r.getString(1), "email");
                    holds(r.getDouble(2) > 0 && r.getDouble(2) < 1, r.getDouble(2));
                }
            }
        });
        onlySteward("SEARCH", false, c -> {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT * FROM SEARCH('house.stories', '乌龙')")) {
                ResultSetMetaData m = r.getMetaData();
                equal(List.of(m.getColumnTypeName(1), m.getColumnTypeName(2), m.getColumnTypeName(3)), List.of("int4", "text", "float8"));
                equal(rows(r, "rank", "key"), List.of("1|OOL-1"));
            }
        });
    }
}
