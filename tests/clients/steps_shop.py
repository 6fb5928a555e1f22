"""Loads the shop, one statement a step, and on Steward what only it has (`governance.sql`). What is refused here is missing in
the steps of the clients, so this list says first what is wrong."""

import os
import pathlib
import subprocess

from steps import Steps, holds

HERE = pathlib.Path(__file__).parent


class Nothing:
    def close(self):
        pass


step = Steps("shop", Nothing)


def statements(file):
    """Statements end with a line that ends with a semicolon."""
    lines = [line for line in (HERE / file).read_text().splitlines() if line.strip() and not line.startswith("--")]
    text = []
    for line in lines:
        text.append(line)
        if line.endswith(";"):
            yield "\n".join(text)
            text = []


def run(statement):
    words = [
        os.environ.get("PSQL", "psql"),
        "-X",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        f"analyst_password={os.environ['ANALYST_PASSWORD']}",
    ]
    done = subprocess.run(
        words, input=f"SET client_min_messages = warning;\n{statement}\n", text=True, capture_output=True, timeout=120
    )
    holds(done.returncode == 0, done.stderr.partition("ERROR:")[2] or done.stderr)


def name(statement):
    return " ".join(statement.split("(")[0].split()[:5]).rstrip(";")


for file, only_steward in [("shop.sql", False), ("governance.sql", True)]:
    for statement in statements(file):

        @step(name(statement), only_steward=only_steward)
        def _(_nothing, statement=statement):
            run(statement)


step.end()
