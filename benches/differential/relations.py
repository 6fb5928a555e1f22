"""The tables that statements ask: the sample shop, made by chapter 1 of the tour, and three of awkward values."""

from pathlib import Path

from awkward import awkward

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = """
awk: id int4, grp int4, i2 int2, i4 int4, i8 int8, n2 numeric, f4 float4, f8 float8, s text, z text, v text, b bool, d date, ts timestamp,
     tz timestamptz, iv interval, u uuid, j jsonb, ia int4[], ta text[], y bytea, t time
kids: kid int4, pid int4, name text, qty int4, amt numeric, day date, tag text, parent int4
few: k int4, w text, x numeric, flag bool
customers: customer_id int4, name text, email text, phone text, id_number text, address text, lang text, joined_on date
products: sku text, title text, price numeric, currency text, lang text, first_seen date, origin text
order_lines: line_id int4, invoice_no text, sku text, description text, quantity int4, ordered_at timestamp, unit_price numeric,
     customer_id int4, country text
shipments: order_item_id int4, order_id int4, ordered_at timestamp, shipped_at timestamp, days_real int4, late int4, market text,
     country text, category text, price numeric, quantity int4, discount_rate numeric, total numeric
articles: article_id text, lang text, title text, body text, topic text
shelves: sku text, shelf text
currencies: code text, name text, name_zh text, in_cny numeric
"""
# Table -> its columns, as (name, type). The first is its key, but for `few`, which has rows twice.
TABLES = {}
for line in WRITTEN.strip().replace("\n     ", " ").splitlines():
    table, _, columns = line.partition(": ")
    TABLES[table] = [tuple(column.split()) for column in columns.split(", ")]
KEYS = {table: [columns[0][0]] if table != "few" else [] for table, columns in TABLES.items()}
WEIGHTS = {**dict.fromkeys(TABLES, 1), "awk": 8, "kids": 6, "few": 3, "customers": 2}
JOINS = [tuple(pair.split(" = ")) for pair in """
awk.id = kids.pid; awk.grp = few.k; kids.parent = kids.kid; kids.qty = few.k; kids.tag = few.w; awk.id = awk.i4; awk.s = kids.name;
awk.d = kids.day; awk.i4 = awk.i8; awk.s = awk.v; awk.u = awk.u; awk.b = few.flag; awk.n2 = few.x; awk.ts = awk.tz; awk.j = awk.j;
awk.f8 = awk.f4; customers.lang = articles.lang; products.sku = shelves.sku; products.currency = currencies.code;
order_lines.sku = products.sku; order_lines.customer_id = customers.customer_id; awk.iv = awk.iv; awk.y = awk.y
""".strip().replace("\n", " ").split("; ")]


def load(server):
    tour = (ROOT / "sql/tour.sql").read_text(encoding="utf-8")
    shop = tour[tour.index("CREATE TABLE products"):tour.index("\\echo 'Chapter 2.")]
    server.run(f"\\cd {ROOT}\n{shop}")
    server.run(awkward())
