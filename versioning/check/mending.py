"""A difference from the model, and the words and commands that differences share."""

from dataclasses import dataclass

from init_slate_db.core.creation.plan import quote_name
from versioning.check.facts import PUBLIC, Thing


@dataclass(frozen=True)
class Difference:
    """One difference. what: a sentence. mend: the SQL commands that a superuser runs in the database to undo it."""

    kind: str
    what: str
    mend: str


def on(thing: Thing) -> str:
    """The thing as SQL names it: ``TABLE public.events``."""
    return f"{thing.kind.upper()} {thing.name}"


def role_sql(role: str) -> str:
    return "PUBLIC" if role == PUBLIC else quote_name(role)


def told(role: str) -> str:
    return "PUBLIC" if role == PUBLIC else f'role "{role}"'


def as_owner(owner: str, sql: str) -> str:
    """Commands that make objects, so that they belong to the owner."""
    return f"SET ROLE {quote_name(owner)};\n{sql.strip()}\nRESET ROLE;"
