import java.io.*;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/** CopyManager, and errors with all their fields. */
class CopyAndErrors extends Steps {

    static void run() {
        step("CopyManager", c -> {
            CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
            StringWriter out = new StringWriter();
            equal(m.copyOut("COPY (SELECT code, stock FROM teas ORDER BY 1) TO STDOUT WITH (FORMAT csv)", out), 3L);
            equal(out.toString(), "MIN-3,40\nOOL-1,12\nPUE-2,0\n");
            equal(
                m.copyIn(
                    "COPY stock.moves (id, what) FROM STDIN WITH (FORMAT csv)",
                    new StringReader("4200,x\n4201,\"y, z\"\n")
                ),
                2L
            );
            equal(query(c, "SELECT what FROM stock.moves WHERE id = 4201", "what"), List.of("y, z"));
            equal(update(c, "DELETE FROM stock.moves WHERE id >= 4200"), 2);
        });
        step("CopyManager, an error, and the connection lives on", c -> {
            CopyManager m = c.unwrap(PGConnection.class).getCopyAPI();
            expect("22P02", x -> m.copyIn("COPY stock.moves (id) FROM STDIN", new StringReader("abc\n")), c);
            equal(query(c, "SELECT count(*) AS n FROM stock.moves", "n"), List.of("0"));
        });
        step("SQLSTATEs", c -> {
            String[][] cases = {
                { "SELEC 1", "42601" },
                { "SELECT * FROM nowhere", "42P01" },
                { "SELECT flavour FROM teas", "42703" },
                { "SELECT no_function(1)", "42883" },
                { "SELECT 1/0", "22012" },
                { "SELECT 'x'::int", "22P02" },
                { "INSERT INTO orders (customer_id, code) VALUES (99, 'MIN-3')", "23503" },
                { "INSERT INTO teas (code) VALUES ('X')", "23502" },
            };
            for (String[] one : cases)
                expect(
                    one[1],
                    x -> {
                        try (Statement s = x.createStatement()) {
                            s.execute(one[0]);
                        }
                    },
                    c
                );
        });
        step("fields of an error", c -> {
            var m = expect(
                "23505",
                x -> update(x, "INSERT INTO teas (code, name, price) VALUES ('OOL-1', 'x', 1)"),
                c
            ).getServerErrorMessage();
            equal(
                List.of(m.getSeverity(), m.getSchema(), m.getTable(), m.getConstraint(), m.getDetail()),
                List.of("ERROR", "public", "teas", "teas_pkey", "Key (code)=(OOL-1) already exists.")
            );
            equal(
                expect("42703", x -> query(x, "SELECT flavour FROM teas"), c)
                    .getServerErrorMessage()
                    .getPosition(),
                8
            );
        });
    }
}
