"""Statements as trees of text, so that parts of them can be left out or replaced."""

from dataclasses import dataclass


class Node:
    """Texts and nodes in turn. `kind` is an expression's type, "query", or another word for what cannot be replaced.

    A tree is never changed: who reads it says by `instead` what stands for which nodes, by their id.
    """

    def __init__(self, kind, *parts, optional=False, separator=None):
        self.kind, self.parts, self.optional, self.separator = kind, list(parts), optional, separator

    def text(self, instead=None):
        new = (instead or {}).get(id(self), self)
        if new is not self:
            return new if isinstance(new, str) else new.text(instead)
        texts = [part if isinstance(part, str) else part.text(instead) for part in self.parts]
        if self.separator is None:
            return "".join(texts)
        return self.separator.join(text for text in texts if text)

    def walk(self, instead=None):
        """This node and all below it."""
        new = (instead or {}).get(id(self), self)
        if isinstance(new, str):
            return
        if new is not self:
            yield from new.walk(instead)
            return
        yield self
        for part in self.parts:
            if isinstance(part, Node):
                yield from part.walk(instead)


@dataclass
class Column:
    text: str
    kind: str


def part(*parts):
    return Node("part", *parts)


def optional(*parts):
    return Node("part", *parts, optional=True)


def listed(items, separator=", "):
    """A list of which items can be left out."""
    return Node("list", *[Node("item", item, optional=True) for item in items], separator=separator)
