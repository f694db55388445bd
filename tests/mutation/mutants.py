"""A mutant: one file of the product with one thing broken."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

# What takes a safety check away, or turns it. Every sample has all of these.
CHECKS = {
    *("no error", "always", "never", "no statement", "no setting", "caller's rights", "no constraint", "no trigger"),
    *("no row lock", "not left out", "not put in", "NoError"),
}


@dataclass(frozen=True)
class Mutant:
    """One change. start, end: the part of the file's text, by characters, that replacement takes the place of."""

    path: str
    operator: str
    start: int
    end: int
    replacement: str
    line: int
    was: str

    @property
    def key(self) -> str:
        """What tells it from all others, as long as the file stays as it is."""
        return f"{self.path}:{self.line}:{self.operator}:{self.start}:{self.was}=>{self.replacement}"

    def apply(self, text: str) -> str:
        """The text of the broken file."""
        return text[: self.start] + self.replacement + text[self.end :]


def make(path: str, text: str, operator: str, span: tuple[int, int], replacement: str) -> Mutant:
    """The mutant of the file at path, which has this text."""
    start, end = span
    return Mutant(path, operator, start, end, replacement, text.count("\n", 0, start) + 1, text[start:end])


def distinct(mutants: Iterable[Mutant]) -> list[Mutant]:
    """The mutants in the order of their places, each change once."""
    found = {(one.start, one.end, one.replacement): one for one in mutants}
    return sorted(found.values(), key=lambda one: (one.start, one.key))


def sample(mutants: list[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """All mutants of a file's checks, and as many others; a larger sample has all of a smaller one's.

    :param size: None for all.
    """
    checks = {one for one in mutants if one.operator in CHECKS}
    others = [one for one in mutants if one not in checks]
    if size is None or not mutants:
        return mutants
    random.Random(f"{seed} {mutants[0].path}").shuffle(others)
    return sorted(checks | set(others[:size]), key=lambda one: (one.start, one.key))
