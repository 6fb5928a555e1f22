"""SQLAlchemy 2, and pandas over SQLAlchemy: what reflection finds, what the ORM writes, frames both ways. Once over psycopg2,
and with DRIVER=psycopg over psycopg 3, which binds every value and casts it, where psycopg2 writes it into the text.

What reflection asks is PostgreSQL's catalogue at its hardest: arrays of columns unnested with their places, keys joined
over four relations, expressions printed by the server.
"""

import os
from datetime import date, datetime, timezone
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg

from steps import Steps, connection_facts, equal, holds

DRIVER = os.environ.get("DRIVER", "psycopg2")


class Place:
    """What a step gets: an engine, an inspector of it, and how to put both away."""

    def __init__(self, analyst=False):
        facts = connection_facts(analyst)
        url = sa.URL.create(
            f"postgresql+{DRIVER}", facts["user"], facts["password"], facts["host"], facts["port"], facts["database"]
        )
        self.engine = sa.create_engine(url)

    @property
    def inspector(self):
        return sa.inspect(self.engine)

    def scalar(self, statement, **values):
        with self.engine.connect() as c:
            return c.execute(sa.text(statement), values).scalar()

    def close(self):
        self.engine.dispose()


step = Steps("sqlalchemy" if DRIVER == "psycopg2" else "sqlalchemy3", Place)


@step("connect")
def _(p):
    equal(p.scalar("SELECT :a + 1", a=1), 2)
    equal(p.engine.dialect.server_version_info[:1], (15,))
    equal(p.engine.dialect.default_schema_name, "public")


@step("schemas, tables, views")
def _(p):
    i = p.inspector
    holds({"public", "stock"} <= set(i.get_schema_names()), i.get_schema_names())
    holds({"customers", "orders", "teas"} <= set(i.get_table_names()), i.get_table_names())
    equal(i.get_table_names("stock"), ["moves"])
    equal(i.get_view_names(), ["dear_orders"])
    equal(
        (i.has_table("orders"), i.has_table("dear_orders"), i.has_table("nowhere"), i.has_schema("stock")),
        (True, True, False, True),
    )


@step("materialized views")
def _(p):
    equal(p.inspector.get_materialized_view_names(), ["tea_totals"])
    equal([c["name"] for c in p.inspector.get_columns("tea_totals")], ["code", "quantity", "total"])


@step("the definition of a view")
def _(p):
    text = p.inspector.get_view_definition("dear_orders")
    holds("JOIN customers c" in text and "o.total" in text, text)


@step("types of columns")
def _(p):
    found = [(c["name"], str(c["type"].compile(pg.dialect()))) for c in p.inspector.get_columns("teas")]
    equal(
        found,
        [
            ("code", "VARCHAR(8)"),
            ("name", "TEXT"),
            ("price", "NUMERIC(10, 2)"),
            ("grams", "SMALLINT"),
            ("stock", "INTEGER"),
            ("sold", "BIGINT"),
            ("rating", "REAL"),
            ("share", "DOUBLE PRECISION"),
            ("organic", "BOOLEAN"),
            ("labels", "TEXT[]"),
            ("batches", "INTEGER[]"),
            ("attrs", "JSONB"),
            ("leaf", "BYTEA"),
            ("uid", "UUID"),
            ("harvested", "DATE"),
            ("opens", "TIME WITHOUT TIME ZONE"),
            ("tasted", "TIMESTAMP WITHOUT TIME ZONE"),
            ("listed", "TIMESTAMP WITH TIME ZONE"),
            ("steep", "INTERVAL"),
        ],
    )


@step("NOT NULL, defaults, identity, comments of columns")
def _(p):
    columns = {c["name"]: c for c in p.inspector.get_columns("customers")}
    equal([c["nullable"] for c in columns.values()], [False, False, False, True, False, False, True])
    equal((columns["newsletter"]["default"], columns["joined"]["default"]), ("false", "now()"))
    equal((columns["id"]["identity"]["always"], columns["id"]["identity"]["increment"]), (False, 1))
    equal(columns["email"]["comment"], "Login address (PII)")
    equal(p.inspector.get_columns("orders")[0]["default"], "nextval('orders_id_seq'::regclass)")


@step("primary keys")
def _(p):
    equal(
        p.inspector.get_pk_constraint("orders"),
        {
            "constrained_columns": ["id"],
            "name": "orders_pkey",
            "comment": None,
            "dialect_options": {"postgresql_include": []},
        },
    )


@step("foreign keys")
def _(p):
    keys = {k["name"]: k for k in p.inspector.get_foreign_keys("orders")}
    equal(sorted(keys), ["orders_code_fkey", "orders_customer_id_fkey"])
    to = keys["orders_customer_id_fkey"]
    equal(
        (to["constrained_columns"], to["referred_table"], to["referred_columns"], to["options"]),
        (["customer_id"], "customers", ["id"], {"ondelete": "CASCADE"}),
    )


@step("unique and check constraints")
def _(p):
    equal(
        [(u["name"], u["column_names"]) for u in p.inspector.get_unique_constraints("orders")],
        [("orders_once", ["customer_id", "code", "placed"])],
    )
    equal(
        [(c["name"], c["sqltext"]) for c in p.inspector.get_check_constraints("teas")],
        [("teas_price_check", "price > 0::numeric")],
    )


@step("indexes")
def _(p):
    found = {i["name"]: i for i in p.inspector.get_indexes("teas")}
    equal(sorted(found), ["teas_cheap_idx", "teas_name_idx"])
    cheap = found["teas_cheap_idx"]
    equal(
        (cheap["column_names"], cheap["unique"], cheap["column_sorting"]),
        (["price", "stock"], False, {"price": ("desc",)}),
    )
    equal(cheap["dialect_options"]["postgresql_where"], "(stock > 0)")


@step("index of a unique constraint")
def _(p):
    equal(
        [(i["name"], i["unique"], i["duplicates_constraint"]) for i in p.inspector.get_indexes("orders")],
        [("orders_once", True, "orders_once")],
    )


@step("comments of tables")
def _(p):
    equal(p.inspector.get_table_comment("customers"), {"text": "Who buys; personal data"})
    equal(p.inspector.get_table_comment("orders"), {"text": None})


@step("enums")
def _(p):
    equal([(e["name"], e["labels"]) for e in p.inspector.get_enums()], [("parcel_state", ["packed", "sent", "lost"])])
    equal(p.inspector.get_columns("parcels")[1]["type"].enums, ["packed", "sent", "lost"])


@step("sequences")
def _(p):
    found = p.inspector.get_sequence_names()
    holds({"invoice_numbers", "orders_id_seq"} <= set(found), found)
    holds(p.inspector.has_sequence("invoice_numbers"), "has_sequence")


@step("the whole metadata")
def _(p):
    m = sa.MetaData()
    m.reflect(p.engine, views=True)
    holds({"customers", "orders", "teas", "dear_orders"} <= set(m.tables), sorted(m.tables))
    orders = m.tables["orders"]
    holds(orders.c.code.references(m.tables["teas"].c.code), "the foreign key leads elsewhere")
    query = (
        sa.select(m.tables["customers"].c.name, sa.func.sum(orders.c.total))
        .join(orders)
        .group_by(sa.text("1"))
        .order_by(sa.text("1"))
    )
    with p.engine.connect() as c:
        equal(
            [tuple(r) for r in c.execute(query)],
            [("Mei Lin", Decimal("277.00")), ("Otto Braun", Decimal("32.00")), ('Rosa "Rosie" Díaz', Decimal("3.20"))],
        )


class Base(orm.DeclarativeBase):
    pass


class Shelf(Base):
    __tablename__ = "sqlalchemy_shelves"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    label: orm.Mapped[str] = orm.mapped_column(sa.String(20), unique=True)
    made: orm.Mapped[datetime] = orm.mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    notes: orm.Mapped[dict] = orm.mapped_column(pg.JSONB, nullable=True)
    jars: orm.Mapped[list["Jar"]] = orm.relationship(
        back_populates="shelf", cascade="all, delete-orphan", order_by="Jar.id"
    )


class Jar(Base):
    __tablename__ = "sqlalchemy_jars"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    shelf_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("sqlalchemy_shelves.id", ondelete="CASCADE"))
    grams: orm.Mapped[Decimal] = orm.mapped_column(sa.Numeric(8, 2), index=True)
    shelf: orm.Mapped[Shelf] = orm.relationship(back_populates="jars")


def fresh(p, *tables):
    """The tables made anew, so that a run that was cut off does not spoil the next."""
    found = [Base.metadata.tables[t.__tablename__] for t in tables]
    Base.metadata.drop_all(p.engine, found)
    Base.metadata.create_all(p.engine, found)


@step("create_all with keys and an index, and drop_all")
def _(p):
    fresh(p, Shelf, Jar)
    equal([i["column_names"] for i in p.inspector.get_indexes("sqlalchemy_jars")], [["grams"]])
    Base.metadata.drop_all(p.engine)
    holds(not p.inspector.has_table("sqlalchemy_jars"), "still there")


@step("ORM, add, load, change, delete")
def _(p):
    fresh(p, Shelf, Jar)
    with orm.Session(p.engine) as s, s.begin():
        s.add_all([Shelf(label="top", notes={"dry": True}), Shelf(label="low")])
    with orm.Session(p.engine) as s:
        top = s.scalars(sa.select(Shelf).where(Shelf.notes["dry"].as_boolean())).one()
        equal((top.label, top.notes, top.made.tzinfo is not None), ("top", {"dry": True}, True))
        top.label = "upper"
        s.commit()
        equal(s.get(Shelf, top.id).label, "upper")
        s.delete(top)
        s.commit()
        equal(s.scalar(sa.select(sa.func.count()).select_from(Shelf)), 1)
    Base.metadata.drop_all(p.engine)


@step("ORM, parents and children, eager and lazy")
def _(p):
    fresh(p, Shelf, Jar)
    with orm.Session(p.engine) as s, s.begin():
        s.add(Shelf(label="mid", jars=[Jar(grams=Decimal("10.5")), Jar(grams=Decimal("20"))]))
    with orm.Session(p.engine) as s:
        for load in (orm.selectinload, orm.joinedload, orm.subqueryload):
            shelf = (
                s.scalars(sa.select(Shelf).options(load(Shelf.jars)).execution_options(populate_existing=True))
                .unique()
                .one()
            )
            equal([j.grams for j in shelf.jars], [Decimal("10.50"), Decimal("20.00")])
        s.delete(shelf)
        s.commit()
        equal(s.scalar(sa.select(sa.func.count()).select_from(Jar)), 0)
    Base.metadata.drop_all(p.engine)


@step("Core, many rows with RETURNING, upsert, nested transaction")
def _(p):
    fresh(p, Shelf)
    t = Shelf.__table__
    with p.engine.begin() as c:
        got = (
            c.execute(
                t.insert().returning(t.c.label, sort_by_parameter_order=True),
                [{"label": "a"}, {"label": "b"}, {"label": "c"}],
            )
            .scalars()
            .all()
        )
        equal(got, ["a", "b", "c"])
        upsert = (
            pg.insert(t)
            .values(label="a", notes={"n": 1})
            .on_conflict_do_update(index_elements=["label"], set_={"notes": {"n": 1}})
        )
        c.execute(upsert)
        try:
            with c.begin_nested():
                c.execute(t.insert().values(label="b"))
        except sa.exc.IntegrityError as error:
            equal(getattr(error.orig, "pgcode", None) or error.orig.sqlstate, "23505")
        equal(c.execute(sa.update(t).where(t.c.label.in_(["b", "c"])).values(label=t.c.label + "!")).rowcount, 2)
        equal(c.execute(sa.select(t.c.label).order_by(t.c.label)).scalars().all(), ["a", "b!", "c!"])
    Base.metadata.drop_all(p.engine, [t])


@step("window, CTE, CASE and array aggregate by expressions")
def _(p):
    m = sa.MetaData()
    o = sa.Table("orders", m, autoload_with=p.engine)
    ranked = sa.select(
        o.c.code,
        o.c.total,
        sa.func.row_number().over(partition_by=o.c.customer_id, order_by=o.c.total.desc()).label("place"),
    ).cte("ranked")
    best = sa.select(pg.array_agg(pg.aggregate_order_by(ranked.c.code, ranked.c.total.desc()))).where(
        ranked.c.place == 1
    )
    with p.engine.connect() as c:
        equal(c.execute(best).scalar(), ["PUE-2", "MIN-3", "MIN-3"])
        dear = sa.select(
            sa.func.count(sa.case((o.c.total > 35, 1))), sa.func.coalesce(sa.func.max(o.c.placed), sa.null())
        ).select_from(o)
        equal(tuple(c.execute(dear).one()), (2, datetime(2026, 2, 4, 13, tzinfo=timezone.utc)))


@step("temporary table")
def _(p):
    t = sa.Table(
        "sqlalchemy_temp",
        sa.MetaData(),
        sa.Column("a", sa.Integer),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    with p.engine.begin() as c:
        t.create(c)
        c.execute(t.insert(), [{"a": 1}, {"a": 2}])
        equal(c.execute(sa.select(sa.func.sum(t.c.a))).scalar(), 3)


@step("server-side cursor, stream_results")
def _(p):
    with p.engine.connect().execution_options(stream_results=True, yield_per=2) as c:
        equal([r[0] for r in c.execute(sa.text("SELECT id FROM orders ORDER BY id"))], [1, 2, 3, 4])


@step("pandas, read a query and a table")
def _(p):
    import pandas as pd

    frame = pd.read_sql("SELECT id, total, placed, code FROM orders ORDER BY id", p.engine)
    equal([str(t) for t in frame.dtypes][:3], ["int64", "float64", str(frame.dtypes["placed"])])
    holds(
        str(frame.dtypes["placed"]).startswith("datetime64") and "UTC" in str(frame.dtypes["placed"]),
        frame.dtypes["placed"],
    )
    equal([float(v) for v in frame["total"]], [37.0, 240.0, 32.0, 3.2])
    table = pd.read_sql_table("teas", p.engine, columns=["code", "stock", "harvested"], index_col="code")
    equal(sorted(int(n) for n in table["stock"]), [0, 12, 40])


@step("pandas, write a frame, replace, append")
def _(p):
    import pandas as pd

    frame = pd.DataFrame(
        {
            "a": [1, 2],
            "b": ["x", None],
            "t": pd.to_datetime(["2026-01-01", "2026-01-02"]),
            "f": [0.5, None],
            "yes": [True, False],
        }
    )
    frame.to_sql("pandas_frame", p.engine, if_exists="replace", index=False)
    frame.to_sql("pandas_frame", p.engine, if_exists="append", index=False, method="multi", chunksize=1)
    back = pd.read_sql(sa.text("SELECT * FROM pandas_frame WHERE a > :n"), p.engine, params={"n": 1})
    equal([int(back["a"].sum()), bool(back["b"].isna().all()), bool(back["yes"].any())], [4, True, False])
    equal(
        [str(c["type"]) for c in p.inspector.get_columns("pandas_frame")],
        ["BIGINT", "TEXT", "TIMESTAMP", "DOUBLE PRECISION", "BOOLEAN"],
    )
    p.engine.dispose()
    with p.engine.begin() as c:
        c.execute(sa.text("DROP TABLE pandas_frame"))


@step("pandas, an index of the frame becomes one of the table")
def _(p):
    import pandas as pd

    pd.DataFrame({"n": [1, 2]}, index=pd.Index(["x", "y"], name="key")).to_sql(
        "pandas_indexed", p.engine, if_exists="replace"
    )
    equal([i["column_names"] for i in p.inspector.get_indexes("pandas_indexed")], [["key"]])
    with p.engine.begin() as c:
        c.execute(sa.text("DROP TABLE pandas_indexed"))


@step("reflection shows a role what it was granted", analyst=True)
def _(p):
    holds({"customers", "orders", "teas"} <= set(p.inspector.get_table_names()), p.inspector.get_table_names())
    with p.engine.connect() as c:
        equal(
            tuple(
                c.execute(
                    sa.text("SELECT has_table_privilege('teas', 'SELECT'), has_table_privilege('teas', 'INSERT')")
                ).one()
            ),
            (True, False),
        )


@step("a role sees e-mail addresses masked", only_steward=True, analyst=True)
def _(p):
    import pandas as pd

    frame = pd.read_sql("SELECT id, email, born FROM customers ORDER BY id", p.engine)
    equal(list(frame["email"]), ["m***@t***.example", "o***@t***.example", "r***@t***.example"])
    equal(frame["born"][0], date(1988, 3, 9))


@step("model functions by sa.func", only_steward=True)
def _(p):
    m = sa.MetaData()
    t = sa.Table("teas", m, autoload_with=p.engine)
    with p.engine.connect() as c:
        kind = c.execute(sa.select(sa.func.classify(sa.literal("mei@tea.example")))).scalar()
        equal(kind, "email")
        words = (
            sa.text("SELECT rank, key FROM SEARCH('house.stories', 'mint')")
            .columns(rank=sa.Integer, key=sa.Text)
            .subquery()
        )
        equal(
            [tuple(r) for r in c.execute(sa.select(t.c.name, words.c.rank).join(words, words.c.key == t.c.code))],
            [("Mint", 1)],
        )


step.end()
