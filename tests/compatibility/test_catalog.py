"""The databases that our SQL makes have the catalog that clients of the original rely on."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row

from init_slate_db.core.sql_files import TableType, read_objects
from tests.servers import Server
from tests.slate import create_database, create_original, shared

CATALOG = json.loads(shared("data/original-catalog.json").read_text())
SOURCE: TableType = "source"
DESTINATION: TableType = "destination"

# What slate-recover keeps in a source, and works with.
JOURNAL = (
    'CREATE UNIQUE INDEX recovery_command_pkey ON slate.recovery_command USING btree ("position")',
    "CREATE UNIQUE INDEX recovery_pkey ON slate.recovery USING btree (singleton)",
    "CREATE UNIQUE INDEX recovery_range_pkey ON slate.recovery_range USING btree (first_id)",
    "column slate.recovery.backup jsonb not null",
    "column slate.recovery.last_id bigint not null",
    "column slate.recovery.method text not null",
    "column slate.recovery.next_id bigint",
    "column slate.recovery.notify_command text",
    "column slate.recovery.singleton boolean not null",
    "column slate.recovery.started_at timestamp with time zone not null",
    "column slate.recovery_command.command text not null",
    "column slate.recovery_command.position integer not null",
    "column slate.recovery_range.first_id bigint not null",
    "column slate.recovery_range.last_id bigint not null",
    'constraint recovery_command_pkey: PRIMARY KEY ("position")',
    "constraint recovery_pkey: PRIMARY KEY (singleton)",
    "constraint recovery_range_pkey: PRIMARY KEY (first_id)",
    "constraint recovery_singleton: CHECK (singleton)",
    "function slate.abandon_recovery()",
    "function slate.begin_recovery(method text, backup jsonb, last_id bigint)",
    "function slate.check_copied()",
    "function slate.finish_recovery()",
    "function slate.recover_events(fromhost text, fromdatabase text, fromdatabaseuser text, fromdatabasepassword text, "
    "fromport integer, fromoptions jsonb)",
    "function slate.refuse_without_id()",
    "relation slate.recovery r",
    "relation slate.recovery_command r",
    "relation slate.recovery_command_pkey i",
    "relation slate.recovery_pkey i",
    "relation slate.recovery_range r",
    "relation slate.recovery_range_pkey i",
)

# What a source has beyond the original's, and why.
ADDITIONS = {
    "schema slate": "what our functions share is out of the clients' way",
    "grant on schema slate to public: USAGE": "the functions in public run with their caller's rights",
    "function public.append_events(events jsonb, OUT first_id bigint, OUT last_id bigint, "
    "OUT ts timestamp with time zone)": "the interface for new clients",
    "function public.restore_events(fromhost text, fromdatabase text, fromdatabaseuser text, "
    "fromdatabasepassword text, fromport integer DEFAULT NULL::integer, fromoptions jsonb DEFAULT '{}'::jsonb, "
    "untilid bigint DEFAULT NULL::bigint, OUT rows_restored bigint, OUT next_insert_id bigint)": (
        "a port and any other connection option of the backup; the last event to restore"
    ),
    "function slate.check_insert_values(syntax text)": "part of insert_events: accepts rows and nothing else",
    "function slate.refuse_insert_values(syntax text)": "part of insert_events: the refusals, out of the fast path",
    "function slate.unescape_literals(parts text[])": "part of insert_events: reads E'' literals",
    "function slate.take_ids(event_count bigint, OUT first_id bigint, OUT ts timestamp with time zone)": (
        "part of insert_events and append_events: puts writers in a queue"
    ),
    "function slate.transaction_ts(previous_id bigint)": "part of take_ids: a ts that rises, one a transaction",
    "function slate.is_current_transaction(row_xmin xid)": "part of transaction_ts: knows its own savepoints",
    "function slate.truncated_notification(table_name name, id bigint, event jsonb)": (
        "part of notify_event_insert: events over 8000 bytes"
    ),
    "function slate.conninfo(options jsonb)": "part of restore_events: quotes the connection options",
    "function slate.check_restorable()": "part of restore_events: the checks of the source",
    "function slate.connect_backup(conninfo text)": "part of restore_events: one snapshot of the backup",
    "function slate.disconnect_backup()": "part of restore_events: leaves no connection behind",
    "function slate.survey_backup(connection text, until_id bigint, OUT event_count bigint, OUT highest_id bigint)": (
        "part of restore_events: the checks of the backup"
    ),
    "function slate.set_indexes_aside()": "part of restore_events: speed",
    "function slate.set_notify_trigger_aside()": "part of restore_events: one notification instead of one a row",
    "function slate.load_events(connections text[], first_id bigint, last_id bigint)": (
        "part of restore_events: bounded memory"
    ),
    "function slate.restore_from(conninfo text, until_id bigint, OUT rows_restored bigint, OUT highest_id bigint)": (
        "part of restore_events: what is undone together"
    ),
    **dict.fromkeys(JOURNAL, "the journal of slate-recover: writers are refused until a recovery has succeeded"),
    "trigger check_sql_command on public.events fires: A": "session_replication_role = replica does not switch it off",
}

# What a source has otherwise than the original; each is back under ADDITIONS in its new form.
REPLACED = {
    "function public.restore_events(fromhost text, fromdatabase text, fromdatabaseuser text, "
    "fromdatabasepassword text, OUT rows_restored bigint, OUT next_insert_id bigint)",
    "trigger check_sql_command on public.events fires: O",
}

# Every object of a database, one line each, but for what belongs to PostgreSQL or to an extension.
FACTS = r"""
WITH own_schema AS (
  SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), own_class AS (
  SELECT c.oid, c.relkind, s.nspname || '.' || c.relname AS name, c.relacl
  FROM pg_class AS c JOIN own_schema AS s ON s.oid = c.relnamespace
)
SELECT 'schema ' || nspname FROM own_schema WHERE nspname <> 'public'
UNION ALL SELECT format('grant on schema %s to %s: %s', nspname,
                        CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END, a.privilege_type)
  FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
  WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public') AND a.grantee <> n.nspowner
UNION ALL SELECT format('grant on %s', name) FROM own_class WHERE relacl IS NOT NULL
UNION ALL SELECT format('relation %s %s', name, relkind) FROM own_class
UNION ALL SELECT format('column %s.%s %s', c.name, a.attname, format_type(a.atttypid, a.atttypmod))
  || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
  FROM pg_attribute AS a JOIN own_class AS c ON c.oid = a.attrelid AND c.relkind = 'r' WHERE a.attnum > 0
UNION ALL SELECT pg_get_indexdef(oid) FROM own_class WHERE relkind = 'i'
UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT format('trigger %s on %s fires: %s', t.tgname, c.name, t.tgenabled)
  FROM pg_trigger AS t JOIN own_class AS c ON c.oid = t.tgrelid
UNION ALL SELECT format('constraint %s: %s', conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE conrelid IN (SELECT oid FROM own_class) AND contype <> 'n'
UNION ALL SELECT format('function %s.%s(%s)', s.nspname, p.proname, pg_get_function_arguments(p.oid))
  FROM pg_proc AS p JOIN own_schema AS s ON s.oid = p.pronamespace
  WHERE NOT EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT format('type %s', t.typname) FROM pg_type AS t JOIN own_schema AS s ON s.oid = t.typnamespace
  WHERE t.typtype <> 'c' AND t.typelem = 0
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = t.oid AND d.deptype = 'e')
UNION ALL SELECT format('extension %s in %s', extname, extnamespace::regnamespace) FROM pg_extension
UNION ALL SELECT format('event trigger %s', evtname) FROM pg_event_trigger
UNION ALL SELECT format('publication %s', pubname) FROM pg_publication
"""

OWN_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name, p.proname, p.proconfig, pg_get_function_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS result, p.prosrc AS body, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p
WHERE p.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'slate'))
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1
"""


def _connected(server: Server, database: str) -> psycopg.Connection[DictRow]:
    return psycopg.connect(**server.parameters(database), autocommit=True, row_factory=dict_row)


@pytest.fixture(scope="module")
def source(server: Server) -> Iterator[psycopg.Connection[DictRow]]:
    create_database(server, "catalog_source", SOURCE)
    with _connected(server, "catalog_source") as connection:
        yield connection
    server.drop("catalog_source")


@pytest.fixture(scope="module")
def destination(server: Server) -> Iterator[psycopg.Connection[DictRow]]:
    create_database(server, "catalog_destination", DESTINATION)
    with _connected(server, "catalog_destination") as connection:
        yield connection
    server.drop("catalog_destination")


@pytest.fixture(scope="module")
def original(server: Server) -> Iterator[psycopg.Connection[DictRow]]:
    create_original(server, "catalog_original")
    with _connected(server, "catalog_original") as connection:
        yield connection
    server.drop("catalog_original")


def _column(connection: psycopg.Connection[DictRow], query: str) -> list[Any]:
    return [next(iter(row.values())) for row in connection.execute(query.encode())]


def _tables(connection: psycopg.Connection[DictRow]) -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute("""
        SELECT c.relname, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
        ORDER BY c.relname, a.attnum"""):
        tables.setdefault(row.pop("relname"), []).append(dict(row))
    return tables


def _expected(table_type: TableType, part: str) -> Any:
    """A part of the original's catalog; the file has null for an empty list."""
    return CATALOG[table_type][part] or []


@pytest.fixture(params=[SOURCE, DESTINATION])
def made(
    request: pytest.FixtureRequest, source: psycopg.Connection[DictRow], destination: psycopg.Connection[DictRow]
) -> tuple[TableType, psycopg.Connection[DictRow]]:
    """Each type of database in turn."""
    return request.param, source if request.param == SOURCE else destination


def test_tables_and_columns_are_the_originals(made: tuple[TableType, psycopg.Connection[DictRow]]) -> None:
    table_type, connection = made
    assert _tables(connection) == _expected(table_type, "tables")


def test_indexes_are_the_originals(made: tuple[TableType, psycopg.Connection[DictRow]]) -> None:
    table_type, connection = made
    indexes = _column(connection, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname")
    assert indexes == _expected(table_type, "indexes")


def test_triggers_are_the_originals(made: tuple[TableType, psycopg.Connection[DictRow]]) -> None:
    table_type, connection = made
    triggers = _column(connection, "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")
    assert triggers == _expected(table_type, "triggers")


def test_information_schema_shows_the_originals_triggers(
    made: tuple[TableType, psycopg.Connection[DictRow]],
) -> None:
    table_type, connection = made
    triggers = connection.execute("""
        SELECT trigger_name::text, event_manipulation::text, event_object_table::text
        FROM information_schema.triggers ORDER BY 1, 2""").fetchall()
    assert triggers == _expected(table_type, "information_schema_triggers")


def test_extensions_are_the_originals(made: tuple[TableType, psycopg.Connection[DictRow]]) -> None:
    table_type, connection = made
    extensions = _column(connection, "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
    assert extensions == _expected(table_type, "extensions")


def test_routines_are_called_and_answer_as_the_originals(source: psycopg.Connection[DictRow]) -> None:
    ours = {row["proname"]: row for row in source.execute(OWN_FUNCTIONS.encode()) if "slate." not in row["name"]}
    for expected in _expected(SOURCE, "functions"):
        incoming, separator, outgoing = expected["arguments"].partition("OUT ")
        arguments = ours[expected["name"]]["arguments"]
        assert arguments.startswith(incoming)
        assert arguments.endswith(separator + outgoing)
        assert ours[expected["name"]]["result"] == expected["result"]


@pytest.mark.parametrize("routine", [function["name"] for function in CATALOG["source"]["functions"]])
def test_only_one_routine_in_the_whole_database_has_the_name(source: psycopg.Connection[DictRow], routine: str) -> None:
    found = source.execute(
        "SELECT pronamespace::regnamespace::text AS schema FROM pg_proc WHERE lower(proname) = %s", [routine]
    ).fetchall()
    assert found == [{"schema": "public"}]


def test_table_id_starts_with_one_row_of_1(source: psycopg.Connection[DictRow]) -> None:
    assert _column(source, "SELECT id FROM public.id") == _expected(SOURCE, "id_rows_after_initialization")


def test_a_source_is_the_original_plus_the_listed_additions(
    source: psycopg.Connection[DictRow], original: psycopg.Connection[DictRow]
) -> None:
    ours, theirs = set(_column(source, FACTS)), set(_column(original, FACTS))
    assert ours - theirs == ADDITIONS.keys()
    assert theirs - ours == REPLACED


def test_every_addition_has_a_reason() -> None:
    assert all(ADDITIONS.values())


def test_a_destination_has_nothing_of_the_sources_in_any_schema(
    source: psycopg.Connection[DictRow], destination: psycopg.Connection[DictRow]
) -> None:
    ours, sources = set(_column(destination, FACTS)), set(_column(source, FACTS))
    words = re.compile(r"slate|dblink|(insert|append|restore)_events|notify|filter|trigger|\bid_pkey|public\.id\b")
    assert not {fact for fact in ours if words.search(fact)}
    assert ours < sources
    assert len(ours) == len(
        ["extension plpgsql", "relation events", *["column"] * 3, *["index relation and definition"] * 14, "constraint"]
    )


# Functions without a search_path of their own, and why. Hostile ones are tried on them in test_hardening.py.
UNPINNED = {"notify_event_insert()": "runs for each row, and setting it would take time; every name is qualified"}


def test_every_function_pins_its_search_path(source: psycopg.Connection[DictRow]) -> None:
    functions = source.execute(OWN_FUNCTIONS.encode()).fetchall()
    assert len(functions) > 15
    loose = [row["name"] for row in functions if "search_path=pg_catalog, pg_temp" not in (row["proconfig"] or [])]
    assert loose == list(UNPINNED)


# Bodies that are read when the function is made: what they name is settled then.
SETTLED = re.compile(r"^(RETURN|BEGIN ATOMIC)\b", re.MULTILINE)
UNPINNED_FILES = {
    *("functions/notify_event_insert", "functions/notify_event_insert.partitioned"),
    # What it runs needs the caller's own path; the one name in it is qualified.
    "pov/pov.rollback",
}


def test_every_function_in_any_database_pins_its_search_path_or_needs_none() -> None:
    folder = Path(__file__).parents[2] / "sql"
    texts = {str(path.relative_to(folder).with_suffix("")): path.read_text() for path in folder.glob("*/*.sql")}
    functions = {name: text for name, text in texts.items() if "CREATE FUNCTION" in text and "releases/" not in name}
    assert len(functions) > 90
    loose = {name for name, text in functions.items() if "\nSET search_path = pg_catalog, pg_temp\n" not in text}
    assert {name for name in loose if not SETTLED.search(functions[name])} == UNPINNED_FILES


def test_every_function_has_a_comment(source: psycopg.Connection[DictRow]) -> None:
    assert [row["name"] for row in source.execute(OWN_FUNCTIONS.encode()) if not row["comment"]] == []


def _codes(comment: str) -> set[str]:
    """The SQLSTATEs that a comment mentions, with those inside of "SL011 to SL018"."""
    codes = set(re.findall(r"SL\d{3}", comment))
    for first, last in re.findall(r"SL(\d{3}) to SL(\d{3})", comment):
        codes |= {f"SL{number:03}" for number in range(int(first), int(last) + 1)}
    return codes


def test_every_error_has_a_sqlstate_of_ours_that_the_functions_comment_names(
    source: psycopg.Connection[DictRow],
) -> None:
    raised_anywhere: list[str] = []
    for row in source.execute(OWN_FUNCTIONS.encode()):
        raised = re.findall(r"ERRCODE = '(\w+)'", row["body"])
        assert len(raised) == row["body"].count("RAISE EXCEPTION"), row["name"]
        assert set(raised) <= _codes(row["comment"]), row["name"]
        raised_anywhere += raised
    assert all(re.fullmatch(r"SL\d{3}", code) for code in raised_anywhere)


def test_the_commands_of_clients_name_the_errors_of_the_functions_they_call(
    source: psycopg.Connection[DictRow],
) -> None:
    comments = {row["proname"]: row["comment"] for row in source.execute(OWN_FUNCTIONS.encode())}
    parts = {
        "insert_events": [
            "check_insert_values",
            "refuse_insert_values",
            "unescape_literals",
            "take_ids",
            "transaction_ts",
        ],
        "append_events": ["take_ids", "transaction_ts"],
        "restore_events": ["check_restorable", "conninfo", "survey_backup"],
    }
    for command, called in parts.items():
        assert set().union(*(_codes(comments[part]) for part in called)) <= _codes(comments[command]), command


@pytest.mark.parametrize("table_type", [SOURCE, DESTINATION])
def test_each_object_has_one_file_that_names_it(table_type: TableType) -> None:
    for item in read_objects(table_type):
        name = item.name.rpartition(".")[2]
        assert re.match(rf"CREATE {item.kind} (?:public\.|slate\.)?{name}\b", item.sql, re.IGNORECASE), item.name


def test_every_sql_file_stands_in_the_manifest() -> None:
    folder = Path(__file__).parents[2] / "sql"
    files = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("*/*.sql")}
    lines = (folder / "manifest.txt").read_text().splitlines()
    listed = [line.split()[1] for line in lines if line and not line.startswith("#")]
    assert sorted(listed) == sorted(files)
