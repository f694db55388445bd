"""How a column becomes another one as it stands."""

import re
from collections.abc import Callable

from versioning.archive.delta.alterations import Alteration
from versioning.archive.delta.fates import has_other_type
from versioning.archive.delta.names import quote_name, split_name, unquote
from versioning.archive.items import Item

CanCast = Callable[[str, str], bool]
"""Whether the server turns values of one type into another one, both as DDL names them."""

_WHOLE = ("smallint", "integer", "bigint", "numeric")
_TEXTS = ("character varying", "text")
_MODIFIED = re.compile(r"(numeric|character varying)\((\d+)(?:,(-?\d+))?\)")
_OPTIONS = {
    "START WITH": "START WITH 1",
    "INCREMENT BY": "INCREMENT BY 1",
    "MINVALUE": "NO MINVALUE",
    "MAXVALUE": "NO MAXVALUE",
    "CACHE": "CACHE 1",
    "CYCLE": "NO CYCLE",
}
_OPTION = re.compile(
    r'(START WITH|INCREMENT BY|MINVALUE|MAXVALUE|CACHE) -?\d+|(CYCLE)|(SEQUENCE NAME) (?:"(?:[^"]|"")+"|[^ "])+'
)


def keeps_all(before: str, after: str) -> bool:
    """Whether values of one type are all values of the other, and PostgreSQL turns them by itself."""
    if after in (before, "text"):
        return True
    if before in _WHOLE and after in _WHOLE:
        return _WHOLE.index(before) <= _WHOLE.index(after)
    one, other = _MODIFIED.fullmatch(before), _MODIFIED.fullmatch(after)
    if before in _TEXTS or (one and one[1] in _TEXTS):
        wide_enough = bool(one and other and other[1] in _TEXTS and int(one[2]) <= int(other[2]))
        return after in _TEXTS or wide_enough
    if one and one[1] == "numeric":
        return after == "numeric" or bool(other and other[1] == "numeric" and _is_wider(one, other))
    return (before, after) == ("real", "double precision")


def _is_wider(one: re.Match[str], other: re.Match[str]) -> bool:
    scale, wanted = int(one[3] or 0), int(other[3] or 0)
    return scale <= wanted and int(one[2]) - scale <= int(other[2]) - wanted


def loosen(column: Item) -> str:
    """DDL that frees a column of what its type or collation is made of."""
    head = f"ALTER TABLE {column.facts['table']} ALTER COLUMN {column.facts['column']} TYPE"
    return f'{head} text COLLATE pg_catalog."default" USING {column.facts["column"]}::text;'


def alter_column(before: Item, after: Item, *, is_loose: bool, is_led: bool, can_cast: CanCast) -> Alteration:
    """What changes one column into the other.

    :param is_loose: it is text meanwhile.
    :param is_led: its type has been set through the table that it inherits from.
    """
    head = f"ALTER TABLE {after.facts['table']} ALTER COLUMN {after.facts['column']}"
    was, becomes = before.facts, after.facts
    statements: list[str] = []
    notes: list[str] = []
    if was["identity"] and not becomes["identity"]:
        statements.append(f"{head} DROP IDENTITY;")
    if was["expression"] is not None and becomes["expression"] is None:
        statements.append(f"{head} DROP EXPRESSION IF EXISTS;")
    if (is_loose or has_other_type(before, after)) and not is_led:
        text, note = _set_type(before, after, is_loose, can_cast)
        statements.append(f"{head} {text};")
        notes += [note] if note else []
    if was["not_null"] and not becomes["not_null"]:
        statements.append(f"{head} DROP NOT NULL;")
    elif becomes["not_null"] and not was["not_null"]:
        statements.append(f"{head} SET NOT NULL;")
        notes.append(
            f"Where rows have no {after.name}, this fails: fill it before, as by"
            f" UPDATE {becomes['table']} SET {becomes['column']} = … WHERE {becomes['column']} IS NULL;"
        )
    statements += _change_identity(before, after, head)
    if becomes["identity"] and not was["identity"]:
        notes.append(f"{after.name} begins to count as it is told here: beyond what rows have already?")
    return Alteration(tuple(statements), tuple(notes))


def _set_type(before: Item, after: Item, is_loose: bool, can_cast: CanCast) -> tuple[str, str | None]:
    """The clause, and what is to be decided."""
    column, wanted = after.facts["column"], after.facts["type"]
    was = before.facts["type"]
    text = f"TYPE {wanted}"
    if after.facts["collation"]:
        text += f" COLLATE {after.facts['collation']}"
    note = f"Not every {was} is a {wanted}: values of {after.name} may be changed, or refused."
    if is_loose:
        return f"{text} USING {column}::text::{wanted}", None if keeps_all(was, wanted) else note
    if keeps_all(was, wanted):
        return text, None
    through = "" if can_cast(was, wanted) else "::text"
    return f"{text} USING {column}{through}::{wanted}", note


def _change_identity(before: Item, after: Item, head: str) -> list[str]:
    was, becomes = before.facts["identity"], after.facts["identity"]
    options = after.facts["sequence"]
    if becomes and not was:
        return [f"{head} ADD GENERATED {becomes} AS IDENTITY{f' ({options})' if options else ''};"]
    if not (was and becomes):
        return []
    changed = [f"SET GENERATED {becomes}"] if was != becomes else []
    had, has = _read_options(before), _read_options(after)
    rename = []
    if sequence_of(before) != sequence_of(after):
        rename.append(f"ALTER SEQUENCE {sequence_of(before)} RENAME TO {split_name(sequence_of(after))[1]};")
    changed += [
        f"SET {has.get(word, standard)}" for word, standard in _OPTIONS.items() if had.get(word) != has.get(word)
    ]
    return [*rename, f"{head} {' '.join(changed)};"] if changed else rename


def sequence_of(column: Item) -> str:
    """The sequence of an identity: where it is not told, the one that PostgreSQL names for it."""
    if name := _read_options(column).get("SEQUENCE NAME"):
        return name.removeprefix("SEQUENCE NAME ")
    schema, table = split_name(column.facts["table"])
    return f"{schema}.{quote_name('_'.join((unquote(table), unquote(column.facts['column']), 'seq')))}"


def _read_options(column: Item) -> dict[str, str]:
    return {(one[1] or one[2] or one[3]): one[0] for one in _OPTION.finditer(column.facts["sequence"] or "")}
