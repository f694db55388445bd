"""What makes the schema and its roles where the folder has no file of its own for that."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from init_slate_db.core.connection import Connection
from init_slate_db.core.creation.plan import fill_in
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding, objection
from init_slate_db.core.sql_files import read_object
from versioning.releases.naming import LONGEST, base_of_folder, fault_of_base
from versioning.releases.sources import Source
from versioning.sql_text import Statement, read_statements, read_tokens

_OWN_FILE = re.compile(r"[0-9]+_create_schema\.sql")
PATH = "00_create_schema.sql (made by template)"
# On PostgreSQL 16 and later a role may grant another one where it has that one's ADMIN OPTION; before, with CREATEROLE.
_FACTS = """
SELECT current_user, r.rolsuper OR r.rolcreaterole,
       ARRAY(SELECT n FROM unnest(%(roles)s::text[]) AS n WHERE to_regrole(quote_ident(n)) IS NULL),
       has_database_privilege(current_database(), 'CREATE'),
       r.rolsuper OR to_regrole(quote_ident(%(owner)s)) IS NULL
         OR pg_has_role(to_regrole(quote_ident(%(owner)s))::oid, 'USAGE')
         OR pg_has_role(to_regrole(quote_ident(%(owner)s))::oid, 'USAGE WITH ADMIN OPTION')
         OR (r.rolcreaterole AND current_setting('server_version_num')::integer < 160000)
FROM pg_roles AS r WHERE r.rolname = current_user
"""


@dataclass(frozen=True)
class Api:
    """The schema that the files are of, without a version, and the files with what makes it at their beginning."""

    base: str
    sources: tuple[Source, ...]
    templated: bool


def read_api(folder: str, sources: Sequence[Source], schema: str | None) -> Api:
    """Which schema the files are of: the option's, the one that their own file makes, or the folder's by its name.

    :raises SlateError: sources-refused: it cannot be a release's, or the file makes another one.
    """
    own = next((source for source in sources if _OWN_FILE.fullmatch(source.path)), None)
    made = _made_by(own) if own else []
    base = schema or (made[0] if made else base_of_folder(folder))
    fault = fault_of_base(base)
    if not fault and not own and len(f"{base}_executor".encode()) > LONGEST:
        fault = f'is too long for its role "{base}_executor"'
    if fault:
        raise SlateError(
            "sources-refused", f'Schema "{base}" cannot be an API: its name {fault}.', hint="Name another: --schema."
        )
    if own and base not in made:
        raise SlateError(
            "sources-refused", f'{own.path} does not create schema "{base}".', hint="Make it there, or name its schema."
        )
    return Api(base, tuple(sources) if own else (_template(base), *sources), own is None)


def roles(base: str) -> tuple[str, str, str]:
    """Who owns the API's schemas, who may use them, and who may call their functions."""
    return f"{base}_owner", f"{base}_usage", f"{base}_executor"


def look(connection: Connection, base: str) -> list[Finding]:
    """Whether the template can run. Writes nothing."""
    names = roles(base)
    row = connection.execute(_FACTS, {"roles": list(names), "owner": names[0]}).fetchone()
    assert row
    role, may_create_roles, missing, may_create_schema, may_join = row
    told = ", ".join(missing)
    findings = [
        _judge(
            may_create_schema,
            f'role "{role}" may {{}}create a schema',
            f'Have the owner of the database run: GRANT CREATE ON DATABASE … TO "{role}"',
        )
    ]
    if missing:
        hint = f'Have a superuser run CREATE ROLE for each of them, or: ALTER ROLE "{role}" CREATEROLE'
        findings.append(_judge(may_create_roles, f'role "{role}" may {{}}create the roles {told}', hint))
    hint = f'Use another role, or have a superuser run: GRANT "{names[0]}" TO "{role}"'
    findings.append(_judge(may_join, f'role "{role}" may {{}}work as role "{names[0]}"', hint))
    return findings


def _judge(holds: bool, text: str, hint: str) -> Finding:
    """:param text: with {} for "not"."""
    told = text.format("" if holds else "not ")
    return Finding(told) if holds else objection("no-right", told, hint)


def _template(base: str) -> Source:
    names = dict(zip(("owner", "usage", "executor"), roles(base), strict=True)) | {"schema": base}
    return Source(PATH, fill_in(read_object("release", "template").sql, names))


def _made_by(source: Source) -> list[str]:
    """The schemas that a file creates."""
    names = (_schema_of(statement) for statement in read_statements(read_tokens(source.text)))
    return [name for name in names if name]


def _schema_of(statement: Statement) -> str | None:
    words = [token.word for token in statement.code]
    if words[:2] != ["create", "schema"]:
        return None
    position = 5 if words[2:5] == ["if", "not", "exists"] else 2
    return statement.code[position].name if len(words) > position else None
