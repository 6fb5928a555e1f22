import java.sql.*;
import java.util.*;

/** What a role may see, and what only Steward computes. */
class Governance extends Steps {

    static void run() {
        analyst("a role sees the rows that its policy lets through", c -> {
            equal(query(c, "SELECT id FROM orders ORDER BY id", "id"), List.of("1", "3", "4"));
            expect("42501", x -> query(x, "SELECT * FROM stock.moves"), c);
        });
        onlySteward("a role sees e-mail addresses masked", true, c -> {
            try (PreparedStatement s = c.prepareStatement("SELECT email FROM customers WHERE id = ?")) {
                for (int i = 0; i < 7; i++) {
                    s.setInt(1, 1);
                    equal(rows(s.executeQuery(), "email"), List.of("m***@t***.example"));
                }
            }
        });
        onlySteward("model functions", false, c -> {
            try (
                PreparedStatement s = c.prepareStatement(
                    "SELECT CLASSIFY(?), PREDICT_CTR(?, ?, '{\"slot\": 1}'), QUALITY('teas'), CLASSIFY_DETAIL(?)"
                )
            ) {
                s.setString(1, "mei@tea.example");
                s.setString(2, "visitor-1");
                s.setString(3, "tea-1");
                s.setString(4, "mei@tea.example");
                try (ResultSet r = s.executeQuery()) {
                    ResultSetMetaData m = r.getMetaData();
                    equal(
                        List.of(
                            m.getColumnTypeName(1),
                            m.getColumnTypeName(2),
                            m.getColumnTypeName(3),
                            m.getColumnTypeName(4)
                        ),
                        List.of("text", "float8", "float8", "jsonb")
                    );
                    r.next();
                    equal(r.getString(1), "email");
                    holds(r.getDouble(2) > 0 && r.getDouble(2) < 1, r.getDouble(2));
                }
            }
        });
        onlySteward("SEARCH", false, c -> {
            try (
                Statement s = c.createStatement();
                ResultSet r = s.executeQuery("SELECT * FROM SEARCH('house.stories', '乌龙')")
            ) {
                ResultSetMetaData m = r.getMetaData();
                equal(
                    List.of(m.getColumnTypeName(1), m.getColumnTypeName(2), m.getColumnTypeName(3)),
                    List.of("int4", "text", "float8")
                );
                equal(rows(r, "rank", "key"), List.of("1|OOL-1"));
            }
        });
    }
}
