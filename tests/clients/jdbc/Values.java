import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;

/** Values in text and in binary, parameters of many types, metadata of results. */
class Values extends Steps {

    static void run() {
        step("values and their classes", c -> {
            try (
                Statement s = c.createStatement();
                ResultSet r = s.executeQuery("SELECT * FROM teas WHERE code = 'OOL-1'")
            ) {
                holds(r.next(), "no row");
                oolong(r);
            }
        });
        step(
            "values in binary",
            c -> {
                try (PreparedStatement s = c.prepareStatement("SELECT * FROM teas WHERE code = ?")) {
                    s.setString(1, "OOL-1");
                    for (int i = 0; i < 3; i++) try (ResultSet r = s.executeQuery()) {
                        holds(r.next(), "no row");
                        oolong(r);
                    }
                }
            },
            "prepareThreshold",
            "-1",
            "binaryTransfer",
            "true"
        );
        step("NULL is told apart from zero", c -> {
            try (
                Statement s = c.createStatement();
                ResultSet r = s.executeQuery("SELECT rating, stock, labels FROM teas WHERE code = 'PUE-2'")
            ) {
                r.next();
                equal(r.getFloat(1), 0f);
                equal(r.wasNull(), true);
                equal(r.getInt(2), 0);
                equal(r.wasNull(), false);
                equal(((String[]) r.getArray(3).getArray()).length, 0);
            }
        });
        step("metadata of results", c -> {
            try (
                Statement s = c.createStatement();
                ResultSet r = s.executeQuery(
                    "SELECT o.id, t.price AS cost, t.labels, c.email FROM orders o JOIN teas t USING (code) JOIN customers c ON c.id = o.customer_id"
                )
            ) {
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
            String sql =
                "SELECT ?::int, ?::int8, ?::text, ?::numeric, ?::float8, ?::bool, ?::date, ?::timestamptz, ?::uuid, ?::bytea, ?::int[], ?::text";
            try (PreparedStatement s = c.prepareStatement(sql)) {
                s.setInt(1, 7);
                s.setLong(2, 1L << 40);
                s.setString(3, "x'y 茶");
                s.setBigDecimal(4, new BigDecimal("-1.500"));
                s.setDouble(5, 2.5);
                s.setBoolean(6, true);
                s.setObject(7, LocalDate.of(2026, 1, 2));
                s.setObject(8, OffsetDateTime.parse("2026-01-02T03:04:05.678Z"));
                s.setObject(9, new UUID(0, 5));
                s.setBytes(10, new byte[] { 0, -1 });
                s.setArray(11, c.createArrayOf("int4", new Integer[] { 1, null, 3 }));
                s.setNull(12, Types.VARCHAR);
                for (int i = 0; i < 7; i++) try (ResultSet r = s.executeQuery()) {
                    r.next();
                    equal(r.getInt(1), 7);
                    equal(r.getLong(2), 1L << 40);
                    equal(r.getString(3), "x'y 茶");
                    equal(r.getBigDecimal(4), new BigDecimal("-1.500"));
                    equal(r.getDouble(5), 2.5);
                    equal(r.getBoolean(6), true);
                    equal(r.getObject(7, LocalDate.class), LocalDate.of(2026, 1, 2));
                    equal(
                        r.getObject(8, OffsetDateTime.class).toInstant(),
                        OffsetDateTime.parse("2026-01-02T03:04:05.678Z").toInstant()
                    );
                    equal(r.getObject(9), new UUID(0, 5));
                    equal(r.getBytes(10)[1], (byte) -1);
                    equal(Arrays.asList((Integer[]) r.getArray(11).getArray()), Arrays.asList(1, null, 3));
                    equal(r.getString(12), null);
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
}
