"""Both servers are asked the same, and their answers compared."""

import collections
import decimal
import math
import re

from psycopg import pq

REAL, DOUBLE, INTERVAL, NUMERIC = 700, 701, 1186, 1700
# A statement that took too long, or too much memory, on either side says nothing.
GIVEN_UP = {"57014", "53200"}
SETTINGS = ["statement_timeout = '10s'", "timezone = 'UTC'", "client_min_messages = error"]


class Answer:
    def __init__(self, result):
        self.error, self.message = None, ""
        if result.status == pq.ExecStatus.FATAL_ERROR:
            state, message = (result.error_field(field) for field in (pq.DiagnosticField.SQLSTATE, pq.DiagnosticField.MESSAGE_PRIMARY))
            self.error, self.message = (state or b"the connection is lost").decode(), (message or b"").decode()
            return
        columns = range(result.nfields)
        self.tag = (result.command_status or b"").decode()
        self.names = [result.fname(column).decode() for column in columns]
        self.types = [result.ftype(column) for column in columns]
        values = ((result.get_value(row, column) for column in columns) for row in range(result.ntuples))
        self.rows = [tuple(None if value is None else value.decode() for value in row) for row in values]

    def compared(self, counts):
        """The rows, values of some types as they count, the others as they are shown."""
        return [tuple(canonical(value, kind) if kind in counts else value for value, kind in zip(row, self.types)) for row in self.rows]

    def told(self, rows):
        return f"{self.error} {self.message}" if self.error else f"{self.tag} {self.names} {self.types} {rows[:4]}{' ...' * (len(rows) > 4)}"


class Server:
    def __init__(self, conninfo):
        self.conninfo, self.connection = conninfo, None

    def ask(self, sql, extended):
        """By a message Query, or by Parse, Bind, Execute."""
        if self.connection is None or self.connection.status != pq.ConnStatus.OK:
            self.connection = pq.PGconn.connect(self.conninfo.encode())
            if self.connection.status != pq.ConnStatus.OK:
                raise RuntimeError(self.connection.error_message.decode())
            for setting in SETTINGS:
                self.connection.exec_(f"SET {setting}".encode())
        return Answer(self.connection.exec_params(sql.encode(), []) if extended else self.connection.exec_(sql.encode()))


def microseconds(interval):
    """An interval as it is compared: a month has 30 days, a day 24 hours."""
    total, hours = 0, {"year": 360 * 24, "mon": 30 * 24, "day": 24}
    for number, unit in re.findall(r"([-+]?\d+) (year|mon|day)s?", interval):
        total += int(number) * hours[unit] * 3_600_000_000
    if found := re.search(r"([-+]?)(\d+):(\d+):(\d+)(?:\.(\d+))?$", interval):
        sign, hour, minute, second, places = found.groups()
        time = (int(hour) * 3600 + int(minute) * 60 + int(second)) * 1_000_000 + int((places or "0").ljust(6, "0"))
        total += -time if sign == "-" else time
    return total


def canonical(value, kind):
    """A value as it counts: numerics by 16 digits, floating point by 11 or 5, intervals by their length."""
    if value is None:
        return None
    if kind in (REAL, DOUBLE):
        number = float(value)
        return f"{number + 0.0:.{5 if kind == REAL else 11}g}" if math.isfinite(number) else repr(number)
    if kind == INTERVAL:
        return microseconds(value)
    if kind == NUMERIC and value not in ("NaN", "Infinity", "-Infinity"):
        with decimal.localcontext(decimal.Context(prec=16)):
            return str(decimal.Decimal(value).normalize())
    return value


# Of intervals that are equal and shown in two ways, as 1 day and 24 hours, these keep either.
EITHER = re.compile(r"DISTINCT|UNION|INTERSECT|EXCEPT|GROUP BY|\b(max|min|mode|percentile_disc|greatest|least)\(")


def by_value(how, sql):
    """The types whose values count; the last digits of floating point depend on the order of the rows."""
    loose = {REAL, DOUBLE} | ({INTERVAL} if EITHER.search(sql) else set())
    return loose if how == "shown" else {REAL, DOUBLE, INTERVAL, NUMERIC}


def is_ordered(sql):
    return re.search(r" ORDER BY (\d+[A-Z ]*, )*\d+[A-Z ]*( (LIMIT|OFFSET|FETCH).*)?$", sql) is not None


def difference(one, other, sql):
    """How two answers differ, or None."""
    if GIVEN_UP & {one.error, other.error}:
        return "given up"
    if one.error or other.error:
        return None if one.error == other.error else f"{one.error or 'rows'} / {other.error or 'rows'}"
    for how in ("rows", "shown"):
        rows = [answer.compared(by_value(how, sql)) for answer in (one, other)]
        # Where equal values are shown in two ways their order is free.
        if how == "shown" or not is_ordered(sql):
            rows = [sorted(some, key=repr) for some in rows]
        if rows[0] != rows[1]:
            return how
    return next((part for part in ("names", "types", "tag") if getattr(one, part) != getattr(other, part)), None)


def opening(message):
    while (shorter := re.sub(r"\"[^\"]*\"|[^\s()]*\([^()]*\)", "", message)) != message:
        message = shorter
    return [word for word in message.split() if not re.search(r"[\d.`'\"]", word)][:8]


class Verdict:
    """What became of a script: how the answers differ, at which statement, and the answers there."""

    def __init__(self, how, place=None, answers=(None, None)):
        self.how, self.place, self.answers = how, place, answers

    def messages(self):
        """How the messages of errors begin, without names, values and numbers."""
        return [opening(answer.message) for answer in self.answers if answer and answer.error]

    def told(self, sql):
        """Both answers in words: the rows that only one of them has first."""
        one, other = self.answers
        if one.error or other.error:
            return [answer.told([] if answer.error else answer.rows) for answer in self.answers]
        compared = [answer.compared(by_value(self.how, sql)) for answer in self.answers]
        counts = [collections.Counter(rows) for rows in compared]
        mine = [[row for row, key in zip(answer.rows, keys) if counts[0][key] != counts[1][key]] for answer, keys in zip(self.answers, compared)]
        return [answer.told(rows if any(mine) else answer.rows) for answer, rows in zip(self.answers, mine)]


def ask_both(servers, script, extended):
    """The first difference. An error that both give ends a script, unless it has a savepoint to go back to."""
    verdict, several, goes_on = Verdict("equal"), len(script) > 1, "SAVEPOINT s" in script
    try:
        for place, sql in enumerate(script):
            answers = [server.ask(sql, extended) for server in servers]
            if how := difference(*answers, sql):
                return Verdict(how, place, answers)
            if answers[0].error and not goes_on:
                return Verdict("equal error", place, answers)
    finally:
        if several:
            for server in servers:
                server.ask("ROLLBACK", False)
    return verdict
