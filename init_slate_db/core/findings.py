"""What a survey finds: facts, each with its verdict."""

from collections.abc import Iterable
from dataclasses import dataclass

from init_slate_db.core.errors import SlateError


@dataclass(frozen=True)
class Finding:
    """One fact with its verdict: the error that it stands for where it speaks against the run.

    blocking: whether the run ends with that error; not where there is another way, a second backup for one.
    """

    text: str
    against: SlateError | None = None
    blocking: bool = True

    def lines(self) -> list[str]:
        """The fact behind its verdict, and below it what to do where it speaks against the run."""
        told = [f"{'no' if self.against else 'ok'}  {self.text}"]
        if self.against and self.against.hint:
            told.append(f"    {self.against.hint}")
        return told


def sentence(text: str) -> str:
    """Words as a sentence: with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def objection(code: str, text: str, hint: str = "", why: str = "") -> Finding:
    """A fact that ends the run, with an error that says the same.

    :param text: begins with a word, not with the name of a host or a database.
    """
    return Finding(text, SlateError(code, sentence(text), why=why, hint=hint))


Reason = tuple[bool, str, str, str]
"""Whether it holds, its error code, what it says, and what to do about it."""


def objections(beginning: str, reasons: Iterable[Reason]) -> list[Finding]:
    """The reasons that hold, as findings that end the run.

    :param beginning: of their errors, before a colon and the reason.
    """
    return [
        Finding(text, SlateError(code, f"{beginning}: {text}.", hint=hint))
        for holds, code, text, hint in reasons
        if holds
    ]


def raise_any(findings: Iterable[Finding]) -> None:
    """:raises SlateError: the first finding that the run ends with."""
    for finding in findings:
        if finding.against and finding.blocking:
            raise finding.against
