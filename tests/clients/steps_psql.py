"""psql 15. Its simple protocol, its backslash commands (each a query of the catalogue), scripts, copies, cursors, completion.

Most steps are in `psql.session`, a session as it looks on PostgreSQL 15: every block of lines `shop=# ...` is given to a psql
of its own, and must print what follows. After a change there, `run --peer --only psql --record` writes PostgreSQL's answers,
to be read before they are kept.
"""

import os
import pathlib
import pty
import select
import subprocess
import tempfile
import time

from steps import PEER, Steps, again_and_again, equal, holds

PSQL = os.environ.get("PSQL", "psql")
SESSION = pathlib.Path(__file__).with_name("psql.session")
PROMPT = "shop=# "


def psql(*words, script=None, **variables):
    """Runs psql; its standard output and error together, and its exit code."""
    done = subprocess.run(
        [PSQL, "-X", *words],
        input=script,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        env={**os.environ, "PAGER": "", **variables},
    )
    return done.stdout, done.returncode


def as_analyst(*words):
    return psql(*words, PGUSER="analyst", PGPASSWORD=os.environ["ANALYST_PASSWORD"])


class Terminal:
    """psql on a terminal, for what it does only there."""

    def __init__(self):
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "dumb", "PAGER": "", "INPUTRC": "/dev/null", "PSQL_HISTORY": "/dev/null"}
            os.execvp(PSQL, [PSQL, "-X"])
        self.seen = ""
        self.expect(PROMPT)

    def type(self, text):
        self.seen = ""
        os.write(self.file, text.encode())

    def expect(self, text, seconds=10):
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.file], [], [], left)[0]:
                raise AssertionError(f"no {text!r} in {self.seen[-200:]!r}")
            self.seen += os.read(self.file, 4096).decode(errors="replace").replace("\a", "")

    def close(self):
        os.write(self.file, b"\x15\n\\q\n")
        time.sleep(0.1)
        os.close(self.file)
        os.waitpid(self.pid, 0)


class Nothing:
    def close(self):
        pass


step = Steps("psql", Nothing)


def blocks():
    """The session's blocks: what is typed, and what is answered."""
    found = []
    for line in SESSION.read_text().splitlines():
        if line.startswith(PROMPT):
            if not found or found[-1][1]:
                found.append(([], []))
            found[-1][0].append(line[len(PROMPT) :])
        elif found:
            found[-1][1].append(line)
    return [("\n".join(typed) + "\n", "\n".join(answer).strip("\n")) for typed, answer in found]


def answer_to(typed):
    """What psql prints, without the place in the server's sources."""
    lines = psql(script=typed)[0].splitlines()
    return "\n".join(line for line in lines if not line.startswith("LOCATION:")).strip("\n")


def title(typed):
    """A step's name: what is typed, as far as it fits."""
    line = " ".join(typed.split()).replace(": ", ":")
    return line if len(line) <= 70 else line[:67] + "..."


def record():
    parts = [
        "".join(f"{PROMPT}{line}\n" for line in typed.splitlines()) + answer_to(typed) + "\n" for typed, _ in blocks()
    ]
    SESSION.write_text("\n".join(parts))


def difference(got, wanted):
    """The first line that differs."""
    pairs = zip(got.splitlines() + ["(the end)"], wanted.splitlines() + ["(the end)"])
    for number, (a, b) in enumerate(pairs, 1):
        if a.rstrip() != b.rstrip():
            return f"line {number} is {a.rstrip()!r}, wanted {b.rstrip()!r}"
    return None


if os.environ.get("RECORD") == "1" and PEER:
    record()

for typed, wanted in blocks():

    @step(title(typed))
    def _(_nothing, typed=typed, wanted=wanted):
        found = difference(answer_to(typed), wanted)
        holds(found is None, found)


def all_answer(commands):
    bad = []
    for command in commands:
        text, code = psql("-v", "ON_ERROR_STOP=1", "-c", command)
        if code != 0 or "ERROR:" in text:
            bad.append(f"{command} ({text.strip().splitlines()[0] if text.strip() else code})")
    holds(not bad, ", ".join(bad))


@step("lists with sizes and comments")
def _(_):
    all_answer(
        [
            r"\l",
            r"\l+",
            r"\d+",
            r"\dn+",
            r"\dt+",
            r"\dt *.*",
            r"\dv+",
            r"\dm+",
            r"\di+",
            r"\ds+",
            r"\d+ orders",
            r"\d+ dear_orders",
            r"\du+",
            r"\dg",
            r"\dp",
            r"\z",
            r"\db+",
        ]
    )
    text, _code = psql("-A", "-c", r"\dt+ teas")
    row = text.splitlines()[2].split("|")
    equal((row[:6], row[7]), (["public", "teas", "table", os.environ["PGUSER"], "permanent", "heap"], "What we sell"))


@step("lists of functions, operators, types, casts")
def _(_):
    all_answer(
        [
            r"\df",
            r"\df+",
            r"\df pg_catalog.*size*",
            r"\da",
            r"\do",
            r"\do+ =",
            r"\dT",
            r"\dT+",
            r"\dD",
            r"\dC",
            r"\dO",
            r"\dL",
            r"\dA",
            r"\dAc",
            r"\dAf",
            r"\dAo",
            r"\dAp",
        ]
    )


@step("lists of what Steward has not")
def _(_):
    all_answer(
        [
            r"\dx",
            r"\dy",
            r"\dP",
            r"\dRp",
            r"\dRs",
            r"\dew",
            r"\des",
            r"\det",
            r"\deu",
            r"\dX",
            r"\dF",
            r"\dFd",
            r"\dFp",
            r"\dFt",
            r"\dd",
            r"\ddp",
            r"\drds",
            r"\dl",
            r"\dconfig",
            r"\dconfig *timeout*",
        ]
    )


@step("the policy of a table is shown")
def _(_):
    text, _code = psql("-c", r"\dp orders")
    holds("small_orders (r):" in text and "total < " in text and "to: reporting" in text, text)


@step("the definition of a view is shown")
def _(_):
    text, code = psql("-c", r"\sv dear_orders")
    holds(code == 0 and text.startswith("CREATE OR REPLACE VIEW public.dear_orders AS") and "o.total" in text, text)


@step("-l lists the database")
def _(_):
    text, code = psql("-lAt")
    equal(code, 0)
    holds(
        any(
            line.split("|")[:3] == [os.environ["PGDATABASE"], os.environ["PGUSER"], "UTF8"]
            for line in text.splitlines()
        ),
        text,
    )


@step("\\conninfo and the prompt's variables")
def _(_):
    text, code = psql(script="\\conninfo\n\\echo :DBNAME :USER :SERVER_VERSION_NUM\n")
    holds(
        code == 0 and 'You are connected to database "shop"' in text and f"shop {os.environ['PGUSER']} 15" in text, text
    )


@step("\\copy from a file and back, csv and text")
def _(_):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "moves.csv"
        file.write_text('id,at,what,payload\n6200,2026-01-01,"hello, ""you""","{""a"": 1}"\n6201,,,\n')
        equal(psql("-c", f"\\copy stock.moves FROM '{file}' WITH (FORMAT csv, HEADER)"), ("COPY 2\n", 0))
        equal(
            psql(
                "-At", "-c", "SELECT id, what, payload->'a', at IS NULL FROM stock.moves WHERE id >= 6200 ORDER BY id"
            ),
            ('6200|hello, "you"|1|f\n6201|||t\n', 0),
        )
        out = pathlib.Path(folder) / "moves.txt"
        equal(
            psql("-c", f"\\copy (SELECT id, what FROM stock.moves WHERE id >= 6200 ORDER BY id) TO '{out}'"),
            ("COPY 2\n", 0),
        )
        equal(out.read_text(), '6200\thello, "you"\n6201\t\\N\n')
        equal(psql("-c", "DELETE FROM stock.moves WHERE id >= 6200"), ("DELETE 2\n", 0))


@step("COPY FROM STDIN within a script, and its error's line")
def _(_):
    text, _code = psql(script="BEGIN;\nCOPY stock.moves (id, what) FROM STDIN;\n6210\tx\nsix\ty\n\\.\nROLLBACK;\n")
    holds(
        'ERROR:  invalid input syntax for type bigint: "six"' in text
        and "CONTEXT:  COPY moves, line 2, column id" in text,
        text,
    )


@step("\\copy in binary")
def _(_):
    with tempfile.TemporaryDirectory() as folder:
        equal(psql("-c", f"\\copy teas TO '{folder}/teas' (FORMAT binary)"), ("COPY 3\n", 0))
        script = f"CREATE TABLE psql_teas (LIKE teas);\n\\copy psql_teas FROM '{folder}/teas' (FORMAT binary)\nSELECT count(*) FROM (SELECT * FROM teas EXCEPT SELECT * FROM psql_teas) AS lost;\nDROP TABLE psql_teas;\n"
        equal(
            psql("-At", script=script.replace("(LIKE teas)", "AS SELECT * FROM teas LIMIT 0")),
            ("SELECT 0\nCOPY 3\n0\nDROP TABLE\n", 0),
        )


@step("FETCH_COUNT gives the same by a cursor")
def _(_):
    query = "SELECT id, code, total FROM orders ORDER BY id"
    equal(psql("-At", "-v", "FETCH_COUNT=2", "-c", query), psql("-At", "-c", query))
    equal(
        psql("-At", "-v", "FETCH_COUNT=100", "-c", "SELECT * FROM generate_series(1, 1000)")[0],
        "".join(f"{n}\n" for n in range(1, 1001)),
    )


@step("exit codes")
def _(_):
    equal(psql("-c", "SELECT 1")[1], 0)
    equal(psql("-c", "SELECT 1/0")[1], 1)
    equal(psql(script="SELECT 1/0;\nSELECT 1;\n")[1], 0)
    text, code = psql("-v", "ON_ERROR_STOP=1", script="SELECT 1/0;\nSELECT 42;\n")
    equal((code, "42" in text), (3, False))
    equal(psql("-f", "/no/such/file")[1], 1)
    equal(psql(script="\\q\n")[1], 0)


@step("a script as one transaction")
def _(_):
    text, code = psql(
        "-1", "-v", "ON_ERROR_STOP=1", script="INSERT INTO stock.moves (id) VALUES (6300);\nSELECT 1/0;\n"
    )
    equal(code, 3)
    equal(psql("-At", "-c", "SELECT count(*) FROM stock.moves WHERE id = 6300"), ("0\n", 0))
    equal(
        psql("-1", "-c", "INSERT INTO stock.moves (id) VALUES (6301)", "-c", "DELETE FROM stock.moves WHERE id = 6301"),
        ("INSERT 0 1\nDELETE 1\n", 0),
    )


@step("a wrong password, a database that is not there, a role that may not log in")
def _(_):
    text, code = psql("-c", "SELECT 1", PGPASSWORD="wrong")
    equal(code, 2)
    holds(f'FATAL:  password authentication failed for user "{os.environ["PGUSER"]}"' in text, text)
    text, code = psql("-c", "SELECT 1", PGDATABASE="nowhere")
    equal(code, 2)
    holds('FATAL:  database "nowhere" does not exist' in text, text)
    equal(psql("-c", "SELECT 1", PGUSER="reporting")[1], 2)


@step("\\password stores a verifier")
def _(_):
    psql("-c", "CREATE ROLE psql_login LOGIN")
    try:
        talk = Terminal()
        talk.type("\\password psql_login\n")
        talk.expect("Enter new password")
        talk.type("kettle\n")
        talk.expect("Enter it again")
        talk.type("kettle\n")
        talk.expect(PROMPT)
        talk.close()
        equal(psql("-At", "-c", "SELECT current_user", PGUSER="psql_login", PGPASSWORD="kettle"), ("psql_login\n", 0))
    finally:
        psql("-c", "DROP ROLE psql_login")


@step("LISTEN tells of a notification")
def _(_):
    text, code = psql(script="LISTEN pot;\nNOTIFY pot, 'warm';\n")
    holds(
        code == 0 and 'Asynchronous notification "pot" with payload "warm" received from server process' in text, text
    )


@step("Ctrl-C cancels")
def _(_):
    talk = Terminal()
    talk.type("SELECT pg_sleep(30);\n")
    with again_and_again(lambda: os.write(talk.file, b"\x03")):
        talk.expect("canceling statement due to user request")
    talk.close()


COMPLETIONS = {
    "tables": [
        ("SELECT * FROM cust", "customers"),
        (r"\d dear", "dear_orders"),
        (r"\d stock.m", "stock.moves"),
        ("INSERT INTO ord", "orders"),
        ("TABLE cust", "customers"),
    ],
    "columns": [
        ("UPDATE teas SET harv", "harvested"),
        ("SELECT * FROM customers WHERE newsl", "newsletter"),
        ("ALTER TABLE orders DROP COLUMN quan", "quantity"),
    ],
    "roles, settings, databases, schemas": [
        ("SET ROLE anal", "analyst"),
        ("SET statement_t", "statement_timeout"),
        (r"\c sho", "shop"),
        ("DROP SCHEMA stoc", "stock"),
        ("GRANT SELECT ON TABLE cust", "customers"),
    ],
    "constraints and policies": [
        ("ALTER TABLE orders DROP CONSTRAINT orders_on", "orders_once"),
        ("DROP POLICY smal", "small_orders"),
    ],
    "indexes, sequences, types, functions": [
        ("DROP INDEX teas_ch", "teas_cheap_idx"),
        (r"\ds invo", "invoice_numbers"),
        ("DROP TYPE parcel_s", "parcel_state"),
        (r"\df order_t", "order_total"),
    ],
}

for kind, cases in COMPLETIONS.items():

    @step(f"tab completes {kind}")
    def _(_nothing, cases=cases):
        talk = Terminal()
        try:
            for typed, wanted in cases:
                talk.type(typed + "\t")
                talk.expect(wanted, 3)
                talk.type("\x15")
        finally:
            talk.close()


@step("a role sees e-mail addresses masked", only_steward=True)
def _(_):
    equal(
        as_analyst("-At", "-c", "SELECT email FROM customers ORDER BY id"),
        ("m***@t***.example\no***@t***.example\nr***@t***.example\n", 0),
    )
    equal(as_analyst("-c", r"\copy (SELECT email FROM customers WHERE id = 1) TO STDOUT"), ("m***@t***.example\n", 0))


@step("types of model functions and search", only_steward=True)
def _(_):
    text, _code = psql(
        "-At",
        script="SELECT CLASSIFY(name) AS kind, CLASSIFY_DETAIL(name) AS detail, QUALITY(t) AS quality, PREDICT_CTR('visitor-1', 'tea-1', '{\"slot\": 1}') AS chance FROM teas t \\gdesc\n",
    )
    equal(text, "kind|text\ndetail|jsonb\nquality|double precision\nchance|double precision\n")
    text, _code = psql("-At", script="SELECT * FROM SEARCH('house.stories', 'mint') \\gdesc\n")
    equal(text, "rank|integer\nkey|text\nscore|double precision\nsnippet|text\nsource|text\n")
    equal(psql("-At", "-c", "SELECT rank, key FROM SEARCH('house.stories', 'mint')"), ("1|MIN-3\n", 0))


step.end()
