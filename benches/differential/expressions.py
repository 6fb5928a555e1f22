"""Random expressions of a type, over the columns that can be named where they stand."""

from relations import KEYS, TABLES, WEIGHTS
from templates import AGGREGATES, COMPARED, EXPRESSIONS, LITERALS, TYPES
from tree import Column, Node, listed, optional, part


class Expressions:
    def __init__(self, random):
        self.random, self.pick, self.aliases = random, random.choice, 0

    def chance(self, share):
        return self.random.random() < share

    def alias(self):
        self.aliases += 1
        return f"t{self.aliases}"

    def fill(self, template, scope, depth):
        """A template's texts and the expressions between them."""
        names, out = {}, []
        for piece in template:
            if isinstance(piece, str):
                out.append(piece)
                continue
            kind, name = piece
            if not kind:
                out.append(names[name])
                continue
            node = self.expression(self.pick(TYPES) if kind == "ANY" else kind, scope, depth)
            if name:
                names[name] = node
            out.append(node)
        return out

    def expression(self, kind, scope, depth):
        columns = [column for column in scope if column.kind == kind]
        if depth <= 0 or self.chance(0.35):
            if columns and self.chance(0.85):
                return Node(kind, self.pick(columns).text)
            return Node(kind, f"NULL::{kind}" if self.chance(0.05) else self.pick(LITERALS[kind]))

        def one(kind=kind):
            return self.expression(kind, scope, depth - 1)

        roll = self.random.random()
        if roll < 0.08:
            other = [optional(" ELSE ", one())] if self.chance(0.5) else []
            return Node(kind, "CASE WHEN ", self.predicate(scope, depth - 1), " THEN ", one(), *other, " END")
        if roll < 0.12:
            return Node(kind, "COALESCE(", one(), ", ", one(), ")")
        if roll < 0.14:
            return Node(kind, "NULLIF(", one(), ", ", one(), ")")
        if roll < 0.17:
            return Node(kind, "CASE ", one("int4"), " WHEN 1 THEN ", one(), " ELSE ", one(), " END")
        if roll < 0.21 and depth > 1:
            return self.scalar(kind, scope, depth)
        if kind == "bool" and self.chance(0.5):
            return self.predicate(scope, depth)
        return Node(kind, "(", *self.fill(self.pick(EXPRESSIONS[kind]), scope, depth - 1), ")")

    def predicate(self, scope, depth):
        kind = self.pick(COMPARED)

        def one():
            return self.expression(kind, scope, depth - 1)

        roll = self.random.random()
        if roll < 0.4:
            return Node("bool", "(", one(), self.pick([" = ", " <> ", " < ", " <= ", " > ", " >= ", " != "]), one(), ")")
        if roll < 0.5:
            return Node("bool", "(", one(), self.pick([" IS DISTINCT FROM ", " IS NOT DISTINCT FROM "]), one(), ")")
        if roll < 0.58:
            return Node("bool", "(", one(), self.pick([" BETWEEN ", " NOT BETWEEN "]), one(), " AND ", one(), ")")
        if roll < 0.66:
            values = listed([one() for _ in range(self.random.randint(1, 3))])
            return Node("bool", "(", one(), self.pick([" IN (", " NOT IN ("]), values, "))")
        if roll < 0.82 and depth > 1:
            return self.subquery(kind, scope, depth)
        return Node("bool", "(", *self.fill(self.pick(EXPRESSIONS["bool"]), scope, depth - 1), ")")

    def where(self, scope, depth, share=1.0):
        return optional(" WHERE ", self.predicate(scope, depth)) if self.chance(share) else ""

    def relation(self, table=None):
        """A table with an alias: its name, the alias, its node, its columns, those of its key."""
        table = table or self.random.choices(list(WEIGHTS), WEIGHTS.values())[0]
        alias = self.alias()
        columns = [Column(f"{alias}.{column}", kind) for column, kind in TABLES[table]]
        return table, alias, part(f"{table} {alias}"), columns, [f"{alias}.{key}" for key in KEYS[table]]

    def small(self):
        return self.relation(self.pick(["awk", "kids", "few", "few", "currencies", "shelves"]))

    def scalar(self, kind, scope, depth):
        """A subquery of one value; it looks at the row around it half of the time."""
        _, _, source, own, keys = self.small()
        where = self.where(own + (scope if self.chance(0.5) else []), depth - 1, 0.7)
        if AGGREGATES[kind] and self.chance(0.6):
            value = part(*self.fill(self.pick(AGGREGATES[kind]), own, depth - 2))
            return Node(kind, "(SELECT ", value, " FROM ", source, where, ")")
        if not keys:
            return self.expression(kind, scope, depth - 1)
        value = self.expression(kind, own, depth - 2)
        return Node(kind, "(SELECT ", value, " FROM ", source, where, " ORDER BY ", ", ".join(keys), " LIMIT 1)")

    def subquery(self, kind, scope, depth):
        """EXISTS, IN, ANY or ALL of a subquery."""
        _, _, source, own, _ = self.small()
        where = self.where(own + (scope if self.chance(0.6) else []), depth - 1, 0.8)
        value, one = self.expression(kind, own, depth - 2), self.expression(kind, scope, depth - 2)
        roll = self.random.random()
        if roll < 0.4:
            negated = optional("NOT ") if self.chance(0.4) else ""
            return Node("bool", "(", negated, "EXISTS (SELECT 1 FROM ", source, where, "))")
        how = [" IN", " NOT IN"] if roll < 0.75 else [" = ANY", " < ALL", " >= ANY", " <> ALL", " > SOME"]
        return Node("bool", "(", one, self.pick(how), " (SELECT ", value, " FROM ", source, where, "))")
