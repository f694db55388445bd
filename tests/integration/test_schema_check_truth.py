"""What ``slate-schema check`` says of who could do what is true: it is tried out, on random roles and rights.

Each example makes roles, memberships, owners and rights in a transaction, asks the check, and then lets a session of
one login role try: by itself, and by all that it can switch to and give itself. Nothing of that is ever committed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import moments
from tests.servers import Server
from tests.slate import create_database
from versioning.check.abilities import Way, find_ways
from versioning.check.catalog import read_inside

Connection = psycopg.Connection[tuple[Any, ...]]

# Each takes about a second.
EXAMPLES_A_VERSION = moments(25, 400)
DATABASE = "check_truth"
# The first one logs in and tries.
ROLES = ("truth_0", "truth_1", "truth_2", "truth_3")
SUBJECT = ROLES[0]
OF_POSTGRESQL = (
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_execute_server_program",
    "pg_write_server_files",
    "pg_read_server_files",
)
DBLINK = ", ".join(
    f"public.{function}"
    for function in (
        *("dblink(text, text)", "dblink_connect(text, text)", "dblink_disconnect(text)", "dblink_exec(text, text)"),
        *("dblink_get_connections()", "dblink_get_result(text)", "dblink_send_query(text, text)"),
    )
)
RIGHTS = (
    *("USAGE ON SCHEMA public", "CREATE ON SCHEMA public", "USAGE ON SCHEMA slate", "CREATE ON SCHEMA slate"),
    *("SELECT ON public.events", "SELECT (event) ON public.events", "SELECT (id, ts, xmin) ON public.events"),
    *("INSERT ON public.events", "INSERT (id, ts, event) ON public.events", "TRIGGER ON public.events"),
    *("UPDATE ON public.events", "DELETE ON public.events", "TRUNCATE ON public.events"),
    *("SELECT, UPDATE ON public.id", "UPDATE (id) ON public.id", "DELETE ON public.id"),
    *("ALL ON ALL FUNCTIONS IN SCHEMA slate", "EXECUTE ON FUNCTION slate.take_ids(bigint)"),
    *("EXECUTE ON FUNCTION public.append_events(jsonb)", "EXECUTE ON FUNCTION public.insert_events(text)"),
    "EXECUTE ON FUNCTION public.restore_events(text, text, text, text, integer, jsonb, bigint)",
    *(f"EXECUTE ON FUNCTION {DBLINK}", "SELECT ON public.peek", "INSERT ON slate.recovery_command"),
)
OWNED = (
    *("TABLE public.events", "TABLE public.id", "SCHEMA public", "SCHEMA slate", "VIEW public.peek"),
    *("FUNCTION public.append_events(jsonb)", "FUNCTION public.filter_sql_command()"),
    *("FUNCTION slate.transaction_ts(bigint)", f"DATABASE {DATABASE}"),
)
STATES = (
    "ALTER FUNCTION public.append_events(jsonb) SECURITY DEFINER",
    "ALTER FUNCTION public.restore_events SECURITY DEFINER",
    "ALTER FUNCTION slate.transaction_ts(bigint) SECURITY INVOKER",
    "ALTER TABLE public.events DISABLE TRIGGER check_sql_command",
    "ALTER TABLE public.events ENABLE TRIGGER check_sql_command",
    "DROP TRIGGER check_sql_command ON public.events",
    "ALTER VIEW public.peek SET (security_invoker = true)",
)


@dataclass(frozen=True)
class Attempt:
    """What is tried. ways: the acts of the check, of which one at least is to be told if, and only if, it works.

    answers: SQLSTATEs that come behind the check of rights, so that the right is there.
    filled: whether it is tried where there are events, or where there are none; None: in either case.
    """

    statement: str
    ways: tuple[str, ...]
    answers: tuple[str, ...] = ()
    filled: bool | None = None


INSERT = "INSERT INTO public.events VALUES (7, now(), '1')"
TRIGGER = "BEFORE UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
ATTEMPTS = (
    Attempt("SELECT event FROM public.events", ("SELECT on public.events",)),
    Attempt("SELECT event FROM public.peek", ("view public.peek",)),
    Attempt("SELECT public.append_events('[1]')", ("append_events",), filled=True),
    Attempt("SELECT public.insert_events('($1[1], $2, ''1'')')", ("insert_events",), filled=True),
    Attempt(INSERT, ("INSERT on public.events",)),
    Attempt("ALTER TABLE public.events DISABLE TRIGGER notify_insert", ("owns table public.events",)),
    Attempt("DROP TABLE public.events CASCADE", ("owns table public.events", "owns schema public")),
    Attempt("DROP FUNCTION slate.take_ids(bigint)", ("owns schema slate", "owns function slate.take_ids(bigint)")),
    Attempt("ALTER FUNCTION public.filter_sql_command() COST 7", ("owns function public.filter_sql_command()",)),
    Attempt("CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'", ("CREATE on schema public",)),
    Attempt("CREATE FUNCTION slate.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'", ("CREATE on schema slate",)),
    Attempt(f"CREATE TRIGGER mine {TRIGGER}", ("TRIGGER on public.events",)),
    *(
        Attempt(statement, (f"{word} on public.events, which nothing refuses",))
        for word, statement in {
            "UPDATE": "UPDATE public.events SET event = '0'",
            "DELETE": "DELETE FROM public.events",
            "TRUNCATE": "TRUNCATE public.events",
        }.items()
    ),
    Attempt("UPDATE public.id SET id = 7", ("UPDATE on public.id",)),
    Attempt("DELETE FROM public.id", ("DELETE on public.id",)),
    Attempt("INSERT INTO slate.recovery_command VALUES (1, '')", ("INSERT on slate.recovery_command",)),
    Attempt(
        "SELECT * FROM public.restore_events('127.0.0.1', 'd', 'u', 'p', 1)",
        ("restore_events",),
        ("08001",),
        filled=False,
    ),
    Attempt(
        "SELECT public.dblink_connect('mine', 'host=127.0.0.1 port=1')",
        ("public.dblink_connect(text,text)",),
        ("08001", "2F003"),
    ),
    # A transaction that has written makes no slot, which is looked at behind the right.
    Attempt("SELECT pg_catalog.pg_create_logical_replication_slot('mine', 'pgoutput')", ("REPLICATION",), ("25001",)),
    Attempt("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'", ("runs programs on the server",)),
    Attempt("COPY (SELECT 1) TO '/nowhere/at/all'", ("writes files on the server",), ("58P01",)),
    Attempt("COPY pg_temp.mine FROM '/nowhere/at/all'", ("reads the files of the server",), ("58P01",)),
)


@dataclass(frozen=True)
class Example:
    """Roles and rights to be made."""

    attributes: dict[str, str] = field(default_factory=dict)
    memberships: tuple[tuple[str, str, bool, bool, bool], ...] = ()
    rights: tuple[tuple[str, str, bool], ...] = ()
    owners: tuple[tuple[str, str], ...] = ()
    states: tuple[str, ...] = ()
    filled: bool = False

    def attempts(self) -> list[Attempt]:
        return [attempt for attempt in ATTEMPTS if attempt.filled in (None, self.filled)]

    def statements(self, version: int) -> Iterator[str]:
        for role in ROLES:
            yield f"CREATE ROLE {role} {self.attributes.get(role, '')} {'LOGIN' if role == SUBJECT else 'NOLOGIN'}"
        for member, group, admin, inherit, switch in self.memberships:
            options = f"ADMIN {admin}, INHERIT {inherit}, SET {switch}" if version >= 16 else "ADMIN OPTION"
            yield f"GRANT {group} TO {member}{f' WITH {options}' if version >= 16 or admin else ''}"
        for right, role, grantable in self.rights:
            yield f"GRANT {right} TO {role}{' WITH GRANT OPTION' if grantable and role != 'PUBLIC' else ''}"
        for thing, role in self.owners:
            yield f"ALTER {thing} OWNER TO {role}"
        yield from self.states
        if self.filled:
            yield "INSERT INTO public.events VALUES (1, now(), '1')"
            yield "UPDATE public.id SET id = 2"


GROUPS = [(member, group) for number, member in enumerate(ROLES) for group in (*ROLES[number + 1 :], *OF_POSTGRESQL)]
ATTRIBUTES = ("", "", "", "NOINHERIT", "CREATEROLE", "REPLICATION", "CREATEROLE NOINHERIT")
MEMBERSHIPS = st.tuples(st.sampled_from(GROUPS), st.booleans(), st.booleans(), st.booleans()).map(
    lambda drawn: (*drawn[0], *drawn[1:])
)
EXAMPLES = st.builds(
    Example,
    st.fixed_dictionaries(
        {role: st.sampled_from(ATTRIBUTES) for role in ROLES[:3]}
        | {ROLES[3]: st.sampled_from((*ATTRIBUTES, "SUPERUSER"))}
    ),
    st.lists(MEMBERSHIPS, max_size=6, unique_by=lambda one: one[:2]).map(tuple),
    st.lists(st.tuples(st.sampled_from(RIGHTS), st.sampled_from((*ROLES, "PUBLIC")), st.booleans()), max_size=14).map(
        tuple
    ),
    st.lists(st.tuples(st.sampled_from(OWNED), st.sampled_from(ROLES)), max_size=4, unique_by=lambda one: one[0]).map(
        tuple
    ),
    st.lists(st.sampled_from(STATES), max_size=3, unique=True).map(tuple),
    st.booleans(),
)

# All that the session may switch to and give itself, until there is no more of it. Nothing here looks at a catalog.
EXPLORE = """
DO $block$
DECLARE
  switch text;
  command text;
BEGIN
  FOR round IN 1 .. 3 LOOP
    FOREACH switch IN ARRAY %(switches)s LOOP
      BEGIN
        EXECUTE switch;
        FOREACH command IN ARRAY %(commands)s LOOP
          BEGIN
            EXECUTE command;
          EXCEPTION WHEN OTHERS THEN NULL;
          END;
        END LOOP;
      EXCEPTION WHEN OTHERS THEN NULL;
      END;
    END LOOP;
  END LOOP;
  RESET ROLE;
END;
$block$
"""
SWITCHES = ("RESET ROLE", *(f"SET ROLE {role}" for role in (*ROLES, *OF_POSTGRESQL, "pg_database_owner")))


def gifts(version: int) -> list[str]:
    """The commands by which somebody may give rights to the four roles."""
    options = " WITH INHERIT TRUE, SET TRUE" if version >= 16 else ""
    given = [f"GRANT {group} TO {SUBJECT}{options}" for group in (*ROLES[1:], *OF_POSTGRESQL)]
    given.append(f"ALTER ROLE {SUBJECT} INHERIT")
    for role in ROLES:
        for right in RIGHTS:
            given.append(f"GRANT {right} TO {role}")
        for thing in ("TABLE public.events", "TABLE public.id", "SCHEMA public", "SCHEMA slate", "TABLE public.peek"):
            given.append(f"GRANT ALL ON {thing} TO {role}")
        given.append(f"GRANT EXECUTE ON FUNCTION slate.transaction_ts(bigint) TO {role}")
    return given


@pytest.fixture(scope="module")
def superuser(server: Server) -> Iterator[Connection]:
    """A connection to a source whose rights are its owner's alone, for transactions that are rolled back."""
    create_database(server, DATABASE, "source")
    try:
        with server.connect(DATABASE) as connection:
            connection.execute("CREATE VIEW public.peek AS SELECT id, event FROM public.events")
            connection.execute("REVOKE ALL ON SCHEMA public, slate FROM PUBLIC")
            connection.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public, slate FROM PUBLIC")
            connection.execute("GRANT CREATE, TEMPORARY ON DATABASE check_truth TO PUBLIC")
            yield connection
    finally:
        server.drop(DATABASE)


def works(connection: Connection, attempt: Attempt, steps: Sequence[str]) -> bool:
    """Whether it works, when the steps have been done; neither leaves a trace."""
    connection.execute("SAVEPOINT attempt")
    try:
        for step in steps:
            connection.execute(step.encode())
        connection.execute(attempt.statement.encode())
    except psycopg.Error as error:
        return error.sqlstate in attempt.answers
    finally:
        connection.execute("ROLLBACK TO SAVEPOINT attempt")
    return True


@settings(max_examples=EXAMPLES_A_VERSION, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(example=EXAMPLES)
def test_it_says_that_something_could_be_done_if_and_only_if_it_works(
    superuser: Connection, server: Server, example: Example
) -> None:
    with superuser.transaction(force_rollback=True):
        for statement in example.statements(server.version):
            if server.version >= 15 or "security_invoker" not in statement:
                superuser.execute("SAVEPOINT made")
                try:
                    superuser.execute(statement.encode())
                except psycopg.Error as error:
                    # One state that was drawn may have taken away what the next one is about.
                    assert error.sqlstate == "42704", error
                    superuser.execute("ROLLBACK TO SAVEPOINT made")
        ways = [way for way in find_ways(read_inside(superuser)) if way.role == SUBJECT]
        superuser.execute("CREATE TEMPORARY TABLE mine (line text)")
        superuser.execute("GRANT ALL ON pg_temp.mine TO PUBLIC")
        superuser.execute(f"SET LOCAL SESSION AUTHORIZATION {SUBJECT}".encode())
        try_claims(superuser, ways, example.attempts())
        explore(superuser, server.version)
        switches = [switch for switch in SWITCHES if works(superuser, Attempt(switch, ()), [])]
        for attempt in example.attempts():
            # What the trigger refuses, it refuses a superuser too, who has to disable it first.
            guarded = "nothing refuses" in attempt.ways[0]
            told = any(way.by in attempt.ways or (way.by == "superuser" and not guarded) for way in ways)
            assert told == could(superuser, attempt, switches), f"{attempt.statement}: {[way.by for way in ways]}"


def try_claims(connection: Connection, ways: list[Way], attempts: list[Attempt]) -> None:
    """Every way that is told works by the very commands that are told."""
    for way in ways:
        for attempt in attempts:
            if way.by in attempt.ways:
                switch = ["SET session_replication_role = replica"] if "nothing refuses" in way.by else []
                steps = [*way.steps]
                assert works(connection, attempt, steps) or works(connection, attempt, [*steps, *switch]), way


def explore(connection: Connection, version: int) -> None:
    literals = {"switches": list(SWITCHES), "commands": gifts(version)}
    text = EXPLORE
    for name, values in literals.items():
        joined = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
        text = text.replace(f"%({name})s", f"ARRAY[{joined}]")
    connection.execute(text.encode())


def could(connection: Connection, attempt: Attempt, switches: Sequence[str]) -> bool:
    """Whether it works for the session, whatever role it switches to."""
    for switch in switches:
        for more in ([], ["SET session_replication_role = replica"]):
            if works(connection, attempt, [switch, *more]):
                return True
    return False
