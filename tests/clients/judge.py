"""Judges what the clients printed: judge.py LOGS EXPECTED MUST [prune]

A step that fails must be in EXPECTED, and one that is there must fail: so the list stays true. Prints a table, what was
against expectation, and a last line with the counts; the exit code is 1 when anything was.
"""

import pathlib
import re
import sys


def read_expected(file):
    """Steps that may fail, as (client, step), with the reason of each."""
    found = {}
    for line in file.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            client, step, reason = (part.strip() for part in line.split(" | ", 2))
            found[client, step] = reason
    return found


class Log:
    """What one client printed."""

    def __init__(self, file):
        self.name, text = file.name, file.read_text(errors="replace")
        self.ok = re.findall(r"^ok (.*)$", text, re.M)
        self.failed = dict(re.findall(r"^FAIL (.*?): (.*)$", text, re.M))
        self.not_run = "".join(re.findall(r"^not run: (.*)$", text, re.M))
        self.seconds = "".join(re.findall(r"^seconds: (\d+)$", text, re.M))
        self.ended = re.search(rf"^{self.name}: \d+ of \d+ steps$", text, re.M) is not None
        self.last = next((line for line in reversed(text.splitlines()) if not line.startswith("seconds:")), "")


def complaints(log, expected, must):
    """What was against expectation with this client."""
    if log.not_run:
        return [f"{log.name}: {log.not_run}"] if log.name in must else []
    found = [f"{log.name}: {step}: {reason}" for step, reason in log.failed.items() if (log.name, step) not in expected]
    if not log.ended:
        return found + [f"{log.name}: stopped before its end, after: {log.last[:200]}"]
    listed = [step for client, step in expected if client == log.name]
    return found + [
        f"{log.name}: {step}: in expected.txt, but there is no such step"
        for step in listed
        if step not in log.ok and step not in log.failed
    ]


def passing(log, expected):
    """Steps of the list that pass."""
    return [f"{log.name}: {step}" for client, step in expected if client == log.name and step in log.ok]


def prune(file, logs):
    """Takes the steps that pass out of the list."""
    passed = {(log.name, step) for log in logs for step in log.ok}
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if tuple(line.split(" | ")[:2]) not in passed))


def main(logs, expected, must, *more):
    file = pathlib.Path(expected)
    expected, must = read_expected(file), set(filter(None, must.split(",")))
    logs = [Log(file) for file in sorted(pathlib.Path(logs).iterdir(), key=lambda file: file.stat().st_mtime)]
    print(f"\n{'client':<12}{'ok':>5}{'failed':>8}{'expected':>10}{'seconds':>9}")
    for log in logs:
        listed = sum((log.name, step) in expected for step in log.failed)
        row = f"{len(log.ok):>5}{len(log.failed):>8}{listed:>10}{log.seconds:>9}"
        print(f"{log.name:<12}" + (f"not run: {log.not_run}" if log.not_run else row))
    if "prune" in more:
        prune(file, logs)
        expected = read_expected(file)
    against = [line for log in logs for line in complaints(log, expected, must)]
    if better := [line for log in logs for line in passing(log, expected)]:
        print("\npass, and may leave expected.txt (--prune takes them out):")
        print("\n".join(f"  {line}" for line in better))
    if against:
        print("\nagainst expectation:")
    for line in against:
        print(f"  {line}")
    skipped = sum(len(log.failed) for log in logs) - sum(
        1 for log in logs for step in log.failed if (log.name, step) not in expected
    )
    print(f"\nclients: {sum(len(log.ok) for log in logs)} passed, {len(against)} failed, {skipped} skipped")
    return 1 if against else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
