import java.sql.*;
import java.util.*;
import org.postgresql.util.PSQLException;

/** Runs steps, each with a connection of its own, and counts them; what steps assert with. */
class Steps {

    static final boolean PEER = "1".equals(System.getenv("PEER"));
    static int passed = 0,
        all = 0;

    interface Step {
        void run(Connection c) throws Exception;
    }

    static Connection connect(boolean analyst, String... options) throws SQLException {
        Properties p = new Properties();
        p.put("user", analyst ? "analyst" : System.getenv("PGUSER"));
        p.put("password", System.getenv(analyst ? "ANALYST_PASSWORD" : "PGPASSWORD"));
        p.put("ApplicationName", "jdbc steps");
        p.put("connectTimeout", "10");
        p.put("socketTimeout", "60");
        for (int i = 0; i < options.length; i += 2) p.put(options[i], options[i + 1]);
        String url =
            "jdbc:postgresql://" +
            System.getenv("PGHOST") +
            ":" +
            System.getenv("PGPORT") +
            "/" +
            System.getenv("PGDATABASE");
        return DriverManager.getConnection(url, p);
    }

    private static void once(String name, boolean analyst, Step step, String... options) {
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

    static void step(String name, Step step, String... options) {
        once(name, false, step, options);
    }

    static void analyst(String name, Step step) {
        once(name, true, step);
    }

    static void onlySteward(String name, boolean analyst, Step step) {
        if (!PEER) once(name, analyst, step);
    }

    static void equal(Object got, Object wanted) {
        if (!Objects.equals(got, wanted)) throw new AssertionError("got " + show(got) + ", wanted " + show(wanted));
    }

    static String show(Object value) {
        return value == null ? "null" : value + " (" + value.getClass().getSimpleName() + ")";
    }

    static void holds(boolean condition, Object otherwise) {
        if (!condition) throw new AssertionError(otherwise);
    }

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
        try (Statement s = c.createStatement()) {
            return rows(s.executeQuery(sql), columns);
        }
    }

    static int update(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) {
            return s.executeUpdate(sql);
        }
    }

    static PSQLException expect(String state, Step step, Connection c) throws Exception {
        try {
            step.run(c);
        } catch (PSQLException e) {
            equal(e.getSQLState(), state);
            return e;
        }
        throw new AssertionError("no error " + state);
    }

    static void end() {
        System.out.println("jdbc: " + passed + " of " + all + " steps");
        System.exit(passed == all ? 0 : 1);
    }
}
