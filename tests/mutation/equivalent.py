"""Mutants that no test is to notice, and why: what they change is no promise, or changes nothing."""

from tests.mutation.mutants import Mutant

# The path, "" for any; a part of the line that is broken; what is broken in it, and by what. Empty: everything in it.
_KNOWN: list[tuple[str, str, str, str, str]] = [
    ("", "@dataclass(frozen=True)", "", "", "nobody writes to it; mypy sees to that"),
    ("recovery/choice.py", "elif len(valid) > 1:", ">", ">=", "one alone has no pair"),
    ("recovery/target.py", "RUN_LOCK = ", "", "", "any number does that nothing else locks"),
    ("recovery/target.py", "has_events_table: bool = False", "", "", "given wherever it is looked at"),
    ("recovery/target.py", "events: int = 0", "", "", "not looked at where there is no source"),
    ("recovery/target.py", "may_create: bool = True", "", "", "not looked at where there is no source"),
    ("recovery/methods/promote.py", "snapshot.connections(1)", "1", "2", "one more connection of our own"),
    ("recovery/replacement.py", "daemon=True", "", "", "joined a line later, whatever happens"),
    (
        "recovery/replacement.py",
        "message_detail or str(error)",
        "or",
        "and",
        "the text of the error has its detail, too",
    ),
    ("sql/functions/restore_events.sql", "'connect_timeout', 15", "15", "16", "a second more to wait"),
    (
        "sql/functions/insert_events.sql",
        "strpos(insertValues, E'\\\\') > 0",
        "0",
        "1",
        "refused a step later, as no row",
    ),
    (
        "sql/functions/insert_events.sql",
        "cardinality(parts) = 3",
        "cardinality(parts) = 3",
        "false",
        "a quicker way only",
    ),
]


def reason(mutant: Mutant, text: str) -> str:
    """Why the mutant of a file with this text need not be noticed; "" where it has to be."""
    line = text.splitlines()[mutant.line - 1]
    for path, part, was, replacement, why in _KNOWN:
        anything = not was or (was, replacement) == (mutant.was.strip(), mutant.replacement.strip())
        if path in ("", mutant.path) and part in line and anything:
            return why
    return ""
