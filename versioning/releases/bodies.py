"""Asks the database whether a body still names the unversioned schema: dynamic SQL may have made one."""

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from versioning.releases.renaming import Leftover, Renaming
from versioning.releases.script import Script

# Names of schemas may hold what regular expressions read otherwise; the lexer judges.
_BODIES = """
SELECT p.proname::text, p.oid::regprocedure::text, l.lanname::text, p.prosrc, coalesce(p.proconfig::text, '')
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
  AND strpos(replace(lower(concat_ws(' ', p.prosrc, p.proconfig::text)), lower(%(schema)s), ''), lower(%(base)s)) > 0
ORDER BY 2
"""


def find_leftovers(connection: Connection, script: Script, renaming: Renaming) -> list[str]:
    """The places that are left, each with file and line where a file makes its function, in words."""
    parameters = {"schema": renaming.versioned, "base": renaming.base}
    told = []
    for name, signature, language, body, settings in connection.execute(_BODIES, parameters):
        places = renaming.leftovers_in(body, language)
        if renaming.mention(settings):
            places.append(Leftover(0, "a setting"))
        told += [f"{_where(script, name)}function {signature}: {place.what} names {renaming.base}" for place in places]
    return told


def refuse_leftovers(told: list[str], base: str) -> None:
    """:raises SlateError: sources-refused, where there is a place."""
    if told:
        raise SlateError(
            "sources-refused",
            f'Functions of the release still name the schema "{base}":\n  ' + "\n  ".join(told),
            why="They would reach past their version.",
            hint="Leave the schema out, since the search_path finds it; --keep-strings leaves such places as they are.",
        )


def _where(script: Script, function: str) -> str:
    """File and line that make a function, or make what made it."""
    for step in script.steps:
        if step.words[:1] in (("create",), ("do",), ("select",)) and function in step.text:
            return f"{step.source.path}, line {step.line}: "
    return ""
