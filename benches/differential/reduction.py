"""What is answered differently made smaller, as long as it is answered differently in the same way."""

import re
import time

from comparison import ask_both
from templates import LITERALS

# What a list without its items would leave.
HOLES = re.compile(r"(SELECT|DISTINCT)  FROM|RETURNING (WHERE|$)|\(\)$")


class Reduction:
    def __init__(self, servers, verdict, extended, seconds):
        self.servers, self.verdict, self.extended, self.until = servers, verdict, extended, time.monotonic() + seconds

    def differs(self, texts):
        new = ask_both(self.servers, texts, self.extended)
        return new.how == self.verdict.how and new.messages() == self.verdict.messages()

    def late(self):
        return time.monotonic() > self.until

    def reduced(self, script):
        """The texts of a script, whose last statement is the one that differs, in its smaller form."""
        for at in range(len(script) - 2, 0, -1):
            fewer = script[:at] + script[at + 1:]
            if not self.late() and self.differs([node.text() for node in fewer]):
                script = fewer
        instead, again = {}, True
        while again and not self.late():
            again = False
            for node in [node for tree in script for node in tree.walk(instead)]:
                # A node that is gone with one above it is not tried.
                if self.late() or not any(node is other for tree in script for other in tree.walk(instead)):
                    continue
                for choice in self.choices(node, instead):
                    new = {**instead, id(node): choice}
                    before, after = ([tree.text(some) for tree in script] for some in (instead, new))
                    if sum(map(len, after)) < sum(map(len, before)) and not any(map(HOLES.search, after)) and self.differs(after):
                        instead, again = new, True
                        break
        return [tree.text(instead) for tree in script]

    @staticmethod
    def choices(node, instead):
        """What may stand for a node: nothing, parts of its own kind, a constant."""
        choices = [""] if node.optional else []
        if node.kind == "query" or node.kind in LITERALS:
            choices += [other for other in list(node.walk(instead))[1:] if other.kind == node.kind][:12]
        if node.kind in LITERALS and len(node.text(instead)) > 14:
            choices += [f"NULL::{node.kind}", LITERALS[node.kind][0]]
        if node.kind == "bool" and node.text(instead) != "true":
            choices.append("true")
        return choices


def shape(script, verdict):
    """What differences have in common that are told once: of errors the messages, of others the words without constants and columns."""
    if messages := verdict.messages():
        return verdict.how, " / ".join(" ".join(words) for words in messages)
    text = re.sub(r"'(?:[^']|'')*'", "'_'", "; ".join(script))
    text = re.sub(r"\bt\d+\.\w+", "column", text)
    text = re.sub(r"\bt\d+\b", "t", text)
    return verdict.how, re.sub(r"\b\d+(\.\d+)?\b", "0", text)
