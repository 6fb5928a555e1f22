"""Three small tables of the values that go wrong: the same ones each time."""

import random

TABLES = """
CREATE TABLE awk (
  id int PRIMARY KEY, grp int, i2 smallint, i4 int, i8 bigint, n2 numeric(12,2), f4 real, f8 double precision,
  s text, z text, v varchar(12), b boolean, d date, ts timestamp, tz timestamptz, iv interval, u uuid, j jsonb,
  ia int[], ta text[], y bytea, t time);
CREATE TABLE kids (kid int PRIMARY KEY, pid int, name text, qty int, amt numeric(10,2), day date, tag text, parent int);
CREATE TABLE few (k int, w text, x numeric(8,3), flag boolean);
INSERT INTO few VALUES (1, 'a', 1.5, true), (2, 'b', NULL, false), (2, 'b', 2.250, NULL), (NULL, NULL, 0, true), (3, '', -1.125, false),
  (1, 'a', 1.5, true), (4, '商品', 99999.999, NULL);
"""
TEXTS = ["", "a", "A", "abc", "ABC", "a b", " lead", "trail ", "O'Brien", "100%", "a_b", "x\\y", "née", "Zoë", "tab\there", "line\nbreak", "null",
         "NULL", "0", "12", "-3.5", "2020-01-31", "true", '{"k":1}', "apple pie", "Apple", "banana", "ab12cd", "日本"]
CHINESE = ["", "退货", "退货与退款", "商品", "红色", "蓝色 大", "北京", "上海市", "Ａ全角", "😀", "苹果", "件", "一二三"]
JSON = ["{}", "[]", "null", "1", '"s"', '{"a":1,"b":[1,2,3]}', '{"a":null,"c":{"d":"x"}}', '[1,"2",null,{"k":true}]', '{"a":1.50,"b":"zh 中"}',
        '{"b":[],"a":"1"}', "true", "-0.5", '{"name":"A","tags":["x","y"],"n":10}']
UUIDS = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]
FLOATS = ["0", "-0", "1.5", "NaN", "Infinity", "-Infinity", "0.1", "2.25"]
DATES = ["2020-02-29", "1999-12-31", "2000-01-01", "2024-01-31", "0001-01-01", "9999-12-31", "1970-01-01"]
TIMESTAMPS = ["2020-02-29 23:59:59.999999", "1999-12-31 00:00", "2000-01-01 12:00:00.5", "2024-03-31 02:30", "0001-01-01", "1970-01-01"]
ZONED = ["2020-02-29 23:59:59.999999+00", "1999-12-31 00:00+08", "2000-01-01 12:00:00.5-05", "2024-03-31 02:30+00", "1970-01-01+00"]
INTERVALS = ["0", "1 day", "-1 day", "1 month", "1 mon -1 day", "24 hours", "30 days", "1 year 2 mons 3 days 04:05:06.789", "-00:00:01", "100 hours",
             "1.5 days"]
INTS = ["{}", "{1}", "{1,2,3}", "{3,2,1}", "{NULL}", "{1,NULL,3}", "{2147483647,-5}", "{1,1,1}"]
LISTS = ["{}", "{a}", "{a,b}", '{"",NULL}', '{"x y","NULL"}', "{退货,a}", "{b,a,a}"]
BYTES = ["\\x", "\\x00", "\\xdeadbeef", "\\x616263", "\\xff"]
TIMES = ["00:00", "12:30:45.5", "23:59:59.999999", "08:00"]


class Values:
    def __init__(self):
        self.random = random.Random(7)

    def pick(self, values, *more):
        """One of the values, or NULL."""
        return None if self.random.random() < 0.15 else self.random.choice([*values, *more])

    def whole(self, least, most):
        return str(self.random.randint(least, most))

    def near(self, width, places):
        return f"{self.random.uniform(-width, width):.{places}f}"

    def awk(self, number):
        whole, near = self.whole, self.near
        return [
            str(number), self.pick("12345"),
            self.pick(["0", "1", "-1", "2", "7", "10", "100", "32767", "-32768"], whole(-50, 50)),
            self.pick(["0", "1", "-1", "2", "3", "10", "1000", "2147483647", "-2147483648"], whole(-100, 100), whole(-100, 100)),
            self.pick(["0", "1", "-1", str(2**63 - 1), str(-2**63), "4294967296"], whole(-1000, 1000), whole(-1000, 1000)),
            self.pick(["0", "1.50", "-1.5", "9999999999.99", "-9999999999.99", "0.01", "2.345"], near(99, 2), near(99, 2)),
            self.pick(FLOATS, "1e-10", "3.4e38", near(9, 3)),
            self.pick(FLOATS, "1e-300", "1.7e308", "2.5", "3.5", "-2.5", near(9, 5), near(9, 5)),
            self.pick(TEXTS), self.pick(CHINESE), self.pick([text[:12] for text in TEXTS]), self.pick("tf"),
            self.pick(DATES, f"2011-10-{whole(1, 31)}", f"2011-{whole(1, 12)}-15"),
            self.pick(TIMESTAMPS, f"2011-10-{whole(1, 31)} {whole(0, 23)}:15"),
            self.pick(ZONED, f"2011-10-{whole(1, 31)} {whole(0, 23)}:15+02"),
            self.pick(INTERVALS), self.pick(UUIDS), self.pick(JSON), self.pick(INTS), self.pick(LISTS), self.pick(BYTES), self.pick(TIMES)]

    def kid(self, number):
        return [
            str(number), self.pick([self.whole(1, 130)]), self.pick(TEXTS), self.pick([self.whole(-3, 20)]),
            self.pick([f"{self.random.uniform(-5, 50):.2f}"]), self.pick([f"2011-{self.whole(9, 12)}-{self.whole(1, 28)}"]),
            self.pick(["a", "b", "c", "商品", ""]), self.pick([self.whole(1, number - 1)]) if number > 1 else None]


def quoted(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def awkward():
    """The statements that make and fill the tables."""
    values, script = Values(), TABLES
    for table, row, count in (("awk", values.awk, 120), ("kids", values.kid, 200)):
        rows = ["(" + ", ".join(map(quoted, row(number))) + ")" for number in range(1, count + 1)]
        script += f"INSERT INTO {table} VALUES\n" + ",\n".join(rows) + ";\n"
    return script
