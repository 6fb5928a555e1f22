import java.sql.*;
import java.util.*;

/** DatabaseMetaData: what DBeaver, DataGrip, Metabase, Looker and gateways of reports ask before they show a table. */
class Metadata extends Steps {

    static void run() {
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
            holds(
                rows(m.getTableTypes(), "TABLE_TYPE").containsAll(
                    List.of("TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE")
                ),
                "types"
            );
        });
        step("getTables", c -> {
            DatabaseMetaData m = c.getMetaData();
            List<String> tables = rows(
                m.getTables(null, "public", "%", new String[] { "TABLE" }),
                "TABLE_NAME",
                "REMARKS"
            );
            holds(
                tables.containsAll(List.of("customers|Who buys; personal data", "orders|null", "teas|What we sell")),
                tables
            );
            equal(
                rows(m.getTables(null, "public", "%", new String[] { "VIEW" }), "TABLE_NAME", "TABLE_TYPE"),
                List.of("dear_orders|VIEW")
            );
            holds(
                rows(m.getTables(null, null, null, null), "TABLE_SCHEM", "TABLE_NAME").containsAll(
                    List.of("stock|moves", "pg_catalog|pg_class")
                ),
                "all"
            );
        });
        step("getTables, materialized views and sequences", c -> {
            DatabaseMetaData m = c.getMetaData();
            equal(
                rows(m.getTables(null, "public", "%", new String[] { "MATERIALIZED VIEW" }), "TABLE_NAME"),
                List.of("tea_totals")
            );
            holds(
                rows(m.getTables(null, "public", "%", new String[] { "SEQUENCE" }), "TABLE_NAME").containsAll(
                    List.of("invoice_numbers", "orders_id_seq")
                ),
                "sequences"
            );
        });
        step("getColumns", c -> {
            List<String> found = rows(
                c.getMetaData().getColumns(null, "public", "orders", "%"),
                "COLUMN_NAME",
                "TYPE_NAME",
                "COLUMN_SIZE",
                "DECIMAL_DIGITS",
                "IS_NULLABLE",
                "ORDINAL_POSITION",
                "IS_AUTOINCREMENT"
            );
            equal(
                found,
                List.of(
                    "id|bigserial|19|0|NO|1|YES",
                    "customer_id|int4|10|0|NO|2|NO",
                    "code|varchar|8|0|NO|3|NO",
                    "quantity|int4|10|0|NO|4|NO",
                    "total|numeric|12|2|YES|5|NO",
                    "placed|timestamptz|35|6|NO|6|NO"
                )
            );
            equal(
                rows(c.getMetaData().getColumns(null, "public", "customers", "email"), "REMARKS"),
                List.of("Login address (PII)")
            );
            equal(
                rows(
                    c.getMetaData().getColumns(null, "public", "customers", "id"),
                    "IS_AUTOINCREMENT",
                    "IS_GENERATEDCOLUMN"
                ),
                List.of("YES|NO")
            );
        });
        step("getPrimaryKeys and getIndexInfo", c -> {
            equal(
                rows(c.getMetaData().getPrimaryKeys(null, "public", "orders"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME"),
                List.of("id|1|orders_pkey")
            );
            List<String> unique = rows(
                c.getMetaData().getIndexInfo(null, "public", "orders", true, true),
                "INDEX_NAME",
                "ORDINAL_POSITION",
                "COLUMN_NAME",
                "NON_UNIQUE"
            );
            equal(
                unique,
                List.of(
                    "orders_once|1|customer_id|f",
                    "orders_once|2|code|f",
                    "orders_once|3|placed|f",
                    "orders_pkey|1|id|f"
                )
            );
        });
        step("getIndexInfo of plain indexes", c -> {
            List<String> found = rows(
                c.getMetaData().getIndexInfo(null, "public", "teas", false, true),
                "INDEX_NAME",
                "COLUMN_NAME",
                "ASC_OR_DESC",
                "FILTER_CONDITION"
            );
            holds(
                found.containsAll(
                    List.of(
                        "teas_name_idx|name|A|null",
                        "teas_cheap_idx|price|D|(stock > 0)",
                        "teas_cheap_idx|stock|A|(stock > 0)"
                    )
                ),
                found
            );
        });
        step("getImportedKeys, getExportedKeys, getCrossReference", c -> {
            DatabaseMetaData m = c.getMetaData();
            equal(
                rows(m.getImportedKeys(null, "public", "orders"), "PKTABLE_NAME", "FKCOLUMN_NAME", "DELETE_RULE"),
                List.of("customers|customer_id|0", "teas|code|3")
            );
            equal(
                rows(m.getExportedKeys(null, "public", "teas"), "FKTABLE_NAME", "FK_NAME"),
                List.of("orders|orders_code_fkey")
            );
            equal(
                rows(m.getCrossReference(null, "public", "customers", null, "public", "orders"), "PKCOLUMN_NAME"),
                List.of("id")
            );
        });
        step("getTablePrivileges and getColumnPrivileges", c -> {
            List<String> found = rows(
                c.getMetaData().getTablePrivileges(null, "public", "teas"),
                "GRANTEE",
                "PRIVILEGE",
                "IS_GRANTABLE"
            );
            holds(
                found.contains("reporting|SELECT|NO") && found.contains(System.getenv("PGUSER") + "|DELETE|YES"),
                found
            );
            found = rows(c.getMetaData().getColumnPrivileges(null, "public", "teas", "price"), "GRANTEE", "PRIVILEGE");
            holds(found.contains(System.getenv("PGUSER") + "|SELECT"), found);
        });
        step("getTypeInfo and getBestRowIdentifier", c -> {
            holds(
                rows(c.getMetaData().getTypeInfo(), "TYPE_NAME").containsAll(
                    List.of("int4", "text", "numeric", "timestamptz", "jsonb", "uuid")
                ),
                "types"
            );
            equal(
                rows(
                    c.getMetaData().getBestRowIdentifier(null, "public", "teas", DatabaseMetaData.bestRowSession, true),
                    "COLUMN_NAME",
                    "TYPE_NAME"
                ),
                List.of("code|varchar")
            );
        });
        step("getFunctions and getProcedureColumns", c -> {
            equal(
                rows(c.getMetaData().getFunctions(null, "public", "order_t%"), "FUNCTION_NAME"),
                List.of("order_total")
            );
            holds(
                rows(
                    c.getMetaData().getFunctionColumns(null, "public", "order_total", "%"),
                    "COLUMN_NAME",
                    "TYPE_NAME"
                ).contains("wanted|int8"),
                "arguments"
            );
        });
        step("getUDTs and getVersionColumns", c -> {
            rows(c.getMetaData().getUDTs(null, "%", "%", null), "TYPE_NAME");
            equal(rows(c.getMetaData().getVersionColumns(null, "public", "teas"), "COLUMN_NAME"), List.of("ctid"));
        });
    }
}
