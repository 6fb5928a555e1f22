"""Differences that docs/sql.md names: how they look, and the sentence that they stand on.

Nothing else is passed over. What is not named there is told, also where PostgreSQL is the stricter of the two (a literal of unknown type
in `mode` or `array_agg`), refuses what Steward never computes, or the reverse.
"""

import re
from dataclasses import dataclass

from relations import ROOT

SETS = r"\b(ROLLUP|CUBE|GROUPING SETS)\b"
SUBQUERY = r"(EXISTS|IN|ANY|ALL|SOME) \(SELECT"
ZEROS = ("What is computed or cast shows the zeros that PostgreSQL shows where the query tells them, as text and in JSON too; not in arrays of "
         "numbers with different places, in RETURNING, in correlated subqueries, in what GROUPING SETS, recursive and volatile queries give.")
REFUSED = ("in the condition of an outer join a subquery that looks at both of its sides; among the values of a query a correlated `(a, b) IN "
           "(SELECT ...)`")


@dataclass
class Known:
    how: str  # all of the three are regular expressions
    sql: str  # of the reduced statements
    sentence: str
    message: str = ""  # of Steward's error

    def may(self, verdict):
        return re.fullmatch(self.how, verdict.how) and (not self.message or re.search(self.message, verdict.answers[1].message))


KNOWN = [
    Known("shown", rf"RETURNING|{SETS}|RECURSIVE|\(SELECT", ZEROS),
    Known("shown", r"CREATE (TEMP )?TABLE",
          "A column of numeric without precision has 38 digits, 9 of them after the point, and shows no zeros at the end; a value given with "
          "more places is refused (22003): `round` it, or declare the column as numeric(p, s)."),
    Known("rows", rf"{SETS}.*(\.iv|\.j|interval|jsonb)\b",
          "`jsonb`, intervals and addresses are compared as PostgreSQL compares them everywhere but in GROUPING SETS and within arrays, where "
          "their bytes are."),
    Known("rows|shown", r"as char\(", "A `char` without a length (`bpchar`, and what COALESCE, CASE, UNION and their like make of a `char(n)` "
          "beside a literal) shows no blanks at its end."),
    Known("types", "WITH RECURSIVE",
          "Within WITH RECURSIVE a whole number that a function is given is bigint, where PostgreSQL makes it an integer if it fits."),
    Known(".* / 0A000", rf"(LEFT|RIGHT|FULL) JOIN (?:(?!WHERE).)* ON (?:(?!WHERE|JOIN).)*{SUBQUERY}", REFUSED, "subquery"),
    Known(".* / 0A000", r"\(SELECT .* NOT IN \(SELECT", "NOT IN within a subquery, of a value from a query further out, where either side may "
          "be NULL; within EXISTS only if it names something of that query too, or columns without their relations", "subquery"),
]


def known(verdict, script):
    """The sentence about a difference, or None."""
    text = "; ".join(script)
    return next((entry.sentence for entry in KNOWN if entry.may(verdict) and re.search(entry.sql, text, re.S)), None)


def check():
    """A sentence that is no longer in docs/sql.md excuses nothing."""
    told = " ".join((ROOT / "docs/sql.md").read_text(encoding="utf-8").split())
    for entry in KNOWN:
        if entry.sentence not in told:
            raise SystemExit(f"docs/sql.md does not say: {entry.sentence}")
