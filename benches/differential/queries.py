"""Random queries: joins, groups, windows, set operations, WITH [RECURSIVE]."""

import re

from expressions import Expressions
from relations import JOINS
from templates import AGGREGATES, COMPARED, LITERALS, TYPES, WINDOWS
from tree import Column, Node, listed, optional, part

VALUES = "(VALUES (1, 'a', date '2011-10-01'), (2, NULL, NULL), (NULL, '', date '2000-01-01'))"
FRAMES = ["", "", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING", " ROWS UNBOUNDED PRECEDING", " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
          " RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING", " ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING",
          " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW", " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"]
SETS = [" UNION ALL ", " UNION ", " INTERSECT ", " EXCEPT ", " EXCEPT ALL ", " INTERSECT ALL "]
LIMITS = [" LIMIT 5", " LIMIT 3 OFFSET 2", " OFFSET 4", " FETCH FIRST 4 ROWS ONLY", " LIMIT 0"]
# Types of which equal values may be shown in several ways: a LIMIT would take either.
SEVERAL = {"float4", "float8", "interval", "jsonb", "numeric"}


class Queries(Expressions):
    def source(self, depth):
        """What stands behind FROM: its node, the columns that can be named, and those that tell rows apart (None: not known)."""
        table, alias, node, scope, keys = self.relation()
        names, parts, keys = {table: alias}, [node], keys or None
        for _ in range(self.pick([0, 0, 0, 1, 1, 2])):
            roll = self.random.random()
            if roll < 0.65:
                join = self.join(names, scope)
            elif roll < 0.75:
                join = self.derived(scope, depth)
            elif roll < 0.9:
                join = self.lateral(scope, keys, depth)
            else:
                join = self.cross(scope)
            if join:
                node, own, own_keys = join
                parts.append(node)
                scope = scope + own
                keys = keys + own_keys if keys and own_keys else None
        return part(*parts), scope, keys

    def join(self, names, scope):
        ways = [(a, b) for x, y in JOINS for a, b in ((x, y), (y, x)) if a.split(".")[0] in names]
        if not ways:
            return None
        (left, mine), (right, theirs) = (side.split(".") for side in self.pick(ways))
        table, alias, node, own, keys = self.relation(right)
        how = self.pick([" JOIN ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN "])
        more = optional(" AND ", self.predicate(scope + own, 1)) if how != " FULL JOIN " and self.chance(0.25) else ""
        node = optional(how, node, f" ON {names[left]}.{mine} = {alias}.{theirs}", more)
        names.setdefault(table, alias)
        return node, own, keys

    def derived(self, scope, depth):
        alias = self.alias()
        query, kinds = self.select(depth - 1, self.random.randint(1, 3), plain=True)
        own = [Column(f"{alias}.c{i}", kind) for i, kind in enumerate(kinds)]
        ways = [(a, b) for a in scope for b in own if a.kind == b.kind and a.kind in COMPARED]
        if not ways:
            return None
        a, b = self.pick(ways)
        columns = ", ".join(f"c{i}" for i in range(len(kinds)))
        return optional(self.pick([" JOIN (", " LEFT JOIN ("]), query, f") {alias}({columns}) ON {a.text} = {b.text}"), own, None

    def lateral(self, scope, keys, depth):
        _, _, source, own, own_keys = self.small()
        alias, kind = self.alias(), self.pick(["int4", "text", "numeric", "date"])
        value = self.expression(kind, own + scope, depth - 1)
        where = self.where(own + scope, depth - 1)
        before, after = self.pick([(" CROSS JOIN LATERAL (", ""), (" LEFT JOIN LATERAL (", " ON true"), (", LATERAL (", "")])
        if not own_keys or self.chance(0.5):
            value = part(*self.fill(self.pick(AGGREGATES[kind]), own, 1))
            tail, own_keys = "", keys and keys[:1]
        else:
            tail, own_keys = optional(f" ORDER BY {', '.join(own_keys)} LIMIT 2"), None
        return optional(before, "SELECT ", value, " AS c FROM ", source, where, tail, f") {alias}", after), [Column(f"{alias}.c", kind)], own_keys

    def cross(self, scope):
        alias, arrays = self.alias(), [column.text for column in scope if column.kind == "int4[]"]
        if arrays and self.chance(0.7):
            own = [Column(f"{alias}.v", "int4"), Column(f"{alias}.o", "int8")]
            return optional(f" CROSS JOIN unnest({self.pick(arrays)}) WITH ORDINALITY AS {alias}(v, o)"), own, [f"{alias}.o"]
        own = [Column(f"{alias}.p", "int4"), Column(f"{alias}.q", "text"), Column(f"{alias}.r", "date")]
        return optional(f" CROSS JOIN {VALUES} {alias}(p, q, r)"), own, None

    def select(self, depth, width, plain=False, kinds=None):
        """A SELECT and the types of its columns; `plain`: one that gives the same rows in any order."""
        source, scope, keys = self.source(depth)
        kinds = kinds or [self.pick(TYPES) for _ in range(width)]
        where = self.where(scope, depth, 0.6)
        roll = self.random.random()
        if roll < 0.35:
            return self.grouped(source, scope, where, depth, kinds)
        if roll < 0.5 and keys and not plain:
            return self.windowed(source, scope, where, depth, kinds, keys)
        items = listed([self.expression(kind, scope, depth) for kind in kinds])
        if roll < 0.58:
            return Node("query", "SELECT ", optional("DISTINCT "), items, " FROM ", source, where), kinds
        if roll < 0.64 and keys:
            on = part(self.pick([column for column in scope if column.kind in COMPARED]).text)
            order = self.pick(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
            return Node("query", "SELECT DISTINCT ON (", on, ") ", items, " FROM ", source, where, " ORDER BY ", on, order, ", ", ", ".join(keys)), kinds
        return Node("query", "SELECT ", items, " FROM ", source, where), kinds

    def group(self, scope):
        """An expression to group by; no constant, which would be a position."""
        node = self.expression(self.pick(COMPARED), scope, self.pick([0, 0, 1, 2]))
        if node.text() not in LITERALS[node.kind] and not node.text().startswith("NULL"):
            return node
        return Node(node.kind, self.pick([column for column in scope if column.kind == node.kind] or scope[:1]).text)

    def grouped(self, source, scope, where, depth, kinds):
        groups = [self.group(scope) for _ in range(self.random.randint(0, 3))]
        items = []
        for kind in kinds:
            same = [group for group in groups if group.kind == kind]
            if same and self.chance(0.6):
                items.append(self.pick(same))
                continue
            parts = self.fill(self.pick(AGGREGATES[kind] or AGGREGATES["int8"]), scope, depth - 1)
            filtered = self.chance(0.2) and parts[-1] == ")" and not any(isinstance(p, str) and "FILTER" in p for p in parts)
            items.append(Node(kind, *parts, optional(" FILTER (WHERE ", self.predicate(scope, depth - 1), ")") if filtered else ""))
        having = optional(" HAVING ", *self.fill(self.pick(AGGREGATES["bool"]), scope, 1)) if self.chance(0.25) else ""
        if not groups:
            return Node("query", "SELECT ", listed(items), " FROM ", source, where, having), kinds
        by = listed(groups)
        if self.chance(0.25):
            plain = part(*[piece for group in groups for piece in (", ", group)][1:])
            by = part(self.pick(["ROLLUP(", "CUBE("]), plain, ")")
            if self.chance(0.3):
                by = part("GROUPING SETS ((", plain, "), (", groups[0], "), ())")
            if self.chance(0.5):
                items.append(Node("int4", "GROUPING(", plain, ")"))
                kinds = kinds + ["int4"]
        return Node("query", "SELECT ", listed(items), " FROM ", source, where, optional(" GROUP BY ", by), having), kinds

    def windowed(self, source, scope, where, depth, kinds, keys):
        items = []
        for kind in kinds:
            if not WINDOWS[kind] or self.chance(0.4):
                items.append(self.expression(kind, scope, depth - 1))
                continue
            call = self.fill(self.pick(WINDOWS[kind]), scope, depth - 1)
            some = lambda: self.expression(self.pick(COMPARED), scope, self.pick([0, 1]))
            partition = optional("PARTITION BY ", some()) if self.chance(0.6) else ""
            order = [part(some(), self.pick(["", " DESC", " NULLS FIRST"])) for _ in range(self.random.randint(0, 1))]
            by = Node("list", listed(order), ", ".join(keys), separator=", ")
            items.append(Node(kind, *call, " OVER (", partition, " ORDER BY ", by, optional(self.pick(FRAMES)), ")"))
        return Node("query", "SELECT ", listed(items), " FROM ", source, where), kinds

    def query(self, depth):
        roll, width = self.random.random(), self.random.randint(1, 4)
        if roll < 0.12:
            kinds = [self.pick(COMPARED) for _ in range(width)]
            one = lambda: Node("query", "(", self.select(depth - 1, width, plain=True, kinds=kinds)[0], ")")
            parts = [one()]
            for _ in range(self.random.randint(1, 2)):
                parts += [self.pick(SETS), one()]
            node = Node("query", *parts)
        elif roll < 0.22:
            node, kinds = self.with_query(depth)
        else:
            node, kinds = self.select(depth, width)
        whole = node.text()
        if " ORDER BY " in whole.rsplit(")", 1)[-1] or self.chance(0.6):
            return node
        order = [f"{i + 1}{self.pick(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST', ' ASC'])}" for i in range(len(kinds))]
        ties = [] if re.search("DISTINCT|UNION|EXCEPT|INTERSECT", whole) else [" FETCH FIRST 3 ROWS WITH TIES"]
        limit = "" if SEVERAL & set(kinds) or self.chance(0.5) else optional(self.pick(LIMITS + ties))
        return Node("query", node, optional(" ORDER BY ", ", ".join(order), limit))

    def with_query(self, depth):
        if self.chance(0.3):
            return self.recursive()
        inner, kinds = self.select(depth - 1, self.random.randint(2, 4), plain=True)
        columns = [f"c{i}" for i in range(len(kinds))]
        scope = [Column(f"w.{column}", kind) for column, kind in zip(columns, kinds)]
        how = self.pick(["", "MATERIALIZED ", "NOT MATERIALIZED "])
        head = part(f"WITH w({', '.join(columns)}) AS {how}(", inner, ") ")
        out = [self.pick(TYPES) for _ in range(2)]
        if self.chance(0.5):
            body, out = self.grouped(part("w"), scope, "", depth - 1, out)
            return Node("query", head, body), out
        source, key = "w", self.random.randrange(len(kinds))
        if kinds[key] in COMPARED and self.chance(0.4):
            source = f"w LEFT JOIN w w2 ON w.c{key} = w2.c{key}"
            scope += [Column(f"w2.{column}", kind) for column, kind in zip(columns, kinds)]
        body = Node("query", "SELECT ", listed([self.expression(kind, scope, depth - 1) for kind in out]), f" FROM {source}")
        return Node("query", head, body), out

    def recursive(self):
        if self.chance(0.4):
            value = self.expression("text", [Column("k.name", "text"), Column("k.tag", "text")], 2)
            start = self.predicate([Column("kids.kid", "int4"), Column("kids.qty", "int4")], 1)
            return Node("query", "WITH RECURSIVE tree AS (SELECT kid, parent, name, 1 AS level FROM kids WHERE ", start,
                        self.pick([" UNION ALL ", " UNION "]), "SELECT k.kid, k.parent, ", value,
                        ", t.level + 1 FROM kids k JOIN tree t ON k.parent = t.kid WHERE t.level < 4) "
                        "SELECT level, count(*), max(name) FROM tree GROUP BY level"), ["int4", "int8", "text"]
        value = self.expression(self.pick(["text", "numeric", "date", "bool"]), [Column("n", "int4")], 2)
        step = self.pick(["n + 1", "n * 2", "n + 3"])
        return Node("query", f"WITH RECURSIVE s(n) AS (VALUES (1) UNION ALL SELECT {step} FROM s WHERE n < 30) SELECT n, ", value,
                    " FROM s"), ["int4", value.kind]
