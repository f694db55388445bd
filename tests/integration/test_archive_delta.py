"""The DDL from one version to a database is written by the archive, proven, and asks what it cannot know."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus, SlateError
from tests.archive_schemas import Schema, archive_of, scratches
from tests.archives import EVERYTHING, NAME, Project, make_project, scratch_databases
from tests.conftest import VERSIONS
from tests.effort import moments
from tests.servers import Server
from versioning.archive.delta.deriving import DECIDE, derive
from versioning.archive.items import compare
from versioning.archive.proof import Workshop
from versioning.archive.reading import describe
from versioning.archive.writing import write_schema

# Few are others on each server version; many are the same.
PAIRS = moments(6, 200)


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    """An empty database with an archive that has no versions yet."""
    yield make_project(server, name, tmp_path)
    assert not scratch_databases(server)


def decide(project: Project) -> None:
    """Takes the questions out of the pending delta: what stands there is wanted."""
    lines = project.pending.read_text().splitlines(keepends=True)
    project.pending.write_text("".join(line for line in lines if not line.startswith(DECIDE)))


# One change of every kind that there is to EVERYTHING, with what the delta says for it.
CHANGES = {
    "ALTER TYPE mood ADD VALUE 'glad' BEFORE 'happy'": "ALTER TYPE public.mood ADD VALUE 'glad' AFTER 'it''s ok';",
    "ALTER TYPE pair ADD ATTRIBUTE c date": "ALTER TYPE public.pair ADD ATTRIBUTE c date;",
    "ALTER DOMAIN positive SET DEFAULT 2": "ALTER DOMAIN public.positive SET DEFAULT 2;",
    "ALTER SEQUENCE numbers INCREMENT 7": "ALTER SEQUENCE public.numbers AS integer START WITH 1 INCREMENT BY 7",
    "ALTER TABLE derived ALTER y TYPE bigint": "ALTER TABLE public.derived ALTER COLUMN y TYPE bigint;",
    "ALTER TABLE person SET (fillfactor = 80)": "ALTER TABLE public.person SET (fillfactor='80');",
    "ALTER TABLE person ALTER id SET INCREMENT 3": "ALTER TABLE public.person ALTER COLUMN id SET INCREMENT BY 3;",
    "ALTER TABLE orders ADD note text DEFAULT 'x' NOT NULL": "ADD COLUMN note text DEFAULT 'x'::text NOT NULL;",
    "ALTER TABLE orders DETACH PARTITION orders_new": "ALTER TABLE public.orders DETACH PARTITION public.orders_new;",
    "ALTER TABLE scratchpad VALIDATE CONSTRAINT later": "ALTER TABLE public.scratchpad VALIDATE CONSTRAINT later;",
    "ALTER TABLE base ALTER x DROP NOT NULL": "ALTER TABLE public.base ALTER COLUMN x DROP NOT NULL;",
    "DROP INDEX lower_name": "DROP INDEX public.lower_name;",
    "ALTER TABLE person ENABLE TRIGGER no_update": "DROP TRIGGER no_update ON public.person;",
    "ALTER EXTENSION dblink SET SCHEMA \"Odd Name\"": 'ALTER EXTENSION dblink SET SCHEMA "Odd Name";',
    "REVOKE SELECT ON person FROM archive_reader": "REVOKE ALL ON TABLE public.person FROM archive_reader;",
    "COMMENT ON SCHEMA \"Odd Name\" IS NULL": 'COMMENT ON SCHEMA "Odd Name" IS NULL;',
    "ALTER TABLE base OWNER TO CURRENT_ROLE": "ALTER TABLE public.base OWNER TO CURRENT_ROLE;",
    "CREATE OR REPLACE FUNCTION next_number() RETURNS integer LANGUAGE sql RETURN 4": "RETURN 4;",
    "CREATE VIEW late AS SELECT id, doubled FROM person": "CREATE VIEW public.late AS",
}  # fmt: skip


def test_delta_leads_from_the_last_version_to_the_database_and_is_what_push_takes(project: Project) -> None:
    project.push("1.0", EVERYTHING)
    project.do(*CHANGES)
    told = project.archive("delta").stdout
    assert " steps from version 1.0, proven." in told
    text = project.pending.read_text()
    for change, statement in CHANGES.items():
        assert statement in text, change
    decide(project)
    project.archive("push", "1.1")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        project.do("INSERT INTO person (name) VALUES ('one'), ('two')", database=live)
        project.archive("deploy", project.dsn(live), "--yes")
        assert "is version 1.1, as on record." in project.archive("verify", project.dsn(live)).stdout
        with project.server.connect(live) as connection:
            assert connection.execute("SELECT name FROM person ORDER BY id").fetchall() == [("one",), ("two",)]
    assert "From version 1.1: nothing to do." in project.archive("delta").stdout
    assert not project.pending.exists()


UNSURE = """
CREATE TABLE a (id int, old_name text, size bigint, noted text, kind mood);
CREATE TABLE former (id int, b text);
"""
CHANGE = """
ALTER TABLE a RENAME old_name TO new_name; ALTER TABLE a ALTER size TYPE smallint;
ALTER TABLE a ADD needed int NOT NULL; ALTER TABLE a ALTER noted SET NOT NULL; ALTER TABLE former RENAME TO latter;
"""
QUESTIONS = (
    "What is in public.a.old_name is lost.",
    "Is it public.a.new_name now? Then, instead of this and its ADD COLUMN:"
    " ALTER TABLE public.a RENAME COLUMN old_name TO new_name;",
    "Not every bigint is a smallint: values of public.a.size may be changed, or refused.",
    "Where public.a has rows, this fails, as public.a.needed has no default:",
    "Where rows have no public.a.noted, this fails: fill it before, as by UPDATE public.a SET noted =",
    "The rows of public.former are lost.",
    "Is it public.latter now? Then, instead of this and its CREATE TABLE: ALTER TABLE public.former RENAME TO latter;",
)


DECIDED = {
    "ALTER TABLE public.a DROP COLUMN old_name;": "ALTER TABLE public.a RENAME COLUMN old_name TO new_name;",
    "ALTER TABLE public.a ADD COLUMN new_name text;": "",
    "DROP TABLE public.former;": "ALTER TABLE public.former RENAME TO latter;",
    "CREATE TABLE public.latter (\n    id integer,\n    b text\n);": "",
}


def test_what_it_cannot_know_is_a_comment_to_decide_and_no_push_goes_by_it(project: Project) -> None:
    project.push("1.0", f"CREATE TYPE mood AS ENUM ('sad', 'glad');{UNSURE}")
    project.do(CHANGE)
    told = project.archive("delta").stdout
    text = project.pending.read_text()
    for question in QUESTIONS:
        assert f"{DECIDE}{question}" in text
        assert f"  {question}" in told
    assert text.count(DECIDE) == len(QUESTIONS)
    blocked = project.archive("push", "1.1", status=ExitStatus.REFUSED)
    assert "Something is to be decided" in blocked.stderr
    waits = project.archive("delta", status=ExitStatus.REFUSED)
    assert f"{project.pending} holds a delta already, which waits for the next push." in waits.stderr
    assert project.archive("delta", "--dry-run").stdout == text
    project.archive("delta", "--replace")
    assert project.pending.read_text() == text
    # The author takes the way that was told, and the rows stay.
    for written, meant in DECIDED.items():
        assert written in text
        text = text.replace(written, meant)
    project.pending.write_text(text)
    decide(project)
    project.archive("push", "1.1")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        project.do("INSERT INTO former VALUES (1, 'x')", database=live)
        project.archive("deploy", project.dsn(live), "--yes")
        with project.server.connect(live) as connection:
            assert connection.execute("SELECT id, b FROM latter").fetchall() == [(1, "x")]


def test_rows_keep_what_they_hold_when_their_type_is_made_anew(project: Project) -> None:
    """Labels that go, a domain on another type, and everything that stands on the columns."""
    project.push(
        "1.0",
        "CREATE TYPE mood AS ENUM ('sad', 'calm', 'glad'); CREATE DOMAIN amount AS integer CHECK (VALUE > 0);"
        "CREATE TABLE a (id int PRIMARY KEY, kind mood DEFAULT 'sad', kinds mood[], size amount);"
        "CREATE INDEX a_sad ON a (id) WHERE kind = 'sad'; CREATE VIEW v AS SELECT id, kind FROM a WHERE kind = 'sad';"
        "CREATE FUNCTION f(m mood) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN m = 'sad';"
        "ALTER TABLE a ADD CONSTRAINT fine CHECK (f(kind) OR id > 0); COMMENT ON VIEW v IS 'the sad';"
        "CREATE MATERIALIZED VIEW m AS SELECT id FROM v",
    )
    project.do(
        "DROP MATERIALIZED VIEW m; DROP VIEW v; DROP INDEX a_sad; ALTER TABLE a DROP CONSTRAINT fine;"
        "DROP FUNCTION f; ALTER TABLE a ALTER kind DROP DEFAULT, ALTER kind TYPE text, ALTER kinds TYPE text,"
        "  ALTER size TYPE bigint; DROP TYPE mood; DROP DOMAIN amount; CREATE TYPE mood AS ENUM ('glad', 'sad');"
        "CREATE DOMAIN amount AS bigint CHECK (VALUE > 0); ALTER TABLE a ALTER kind TYPE mood USING kind::mood,"
        "  ALTER kinds TYPE mood[] USING kinds::mood[], ALTER size TYPE amount, ALTER kind SET DEFAULT 'sad';"
        "CREATE INDEX a_sad ON a (id) WHERE kind = 'sad'; CREATE VIEW v AS SELECT id, kind FROM a WHERE kind = 'sad';"
        "CREATE FUNCTION f(m mood) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN m = 'sad';"
        "ALTER TABLE a ADD CONSTRAINT fine CHECK (f(kind) OR id > 0); COMMENT ON VIEW v IS 'the sad';"
        "CREATE MATERIALIZED VIEW m AS SELECT id FROM v"
    )
    told = project.archive("delta").stdout
    assert "Rows whose public.a.kind is no public.mood as it is now are refused: change them before." in told
    decide(project)
    project.archive("push", "1.1")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        project.do("INSERT INTO a VALUES (1, 'sad', '{sad,glad}', 5), (2, 'glad', NULL, 6)", database=live)
        project.archive("deploy", project.dsn(live), "--yes")
        with project.server.connect(live) as connection:
            rows = connection.execute("SELECT id, kind::text, kinds::text, size FROM a ORDER BY id").fetchall()
            assert rows == [(1, "sad", "{sad,glad}", 5), (2, "glad", None, 6)]
            assert connection.execute("SELECT id FROM m").fetchall() == [(1,)]


def test_what_it_cannot_do_is_said_by_name_and_nothing_is_written(project: Project) -> None:
    project.push("1.0", "CREATE TABLE p (id int, at int) PARTITION BY RANGE (at); CREATE TABLE q (id int)")
    project.do("DROP TABLE p; CREATE TABLE p (id int, at bigint) PARTITION BY RANGE (at); ALTER TABLE q ADD b text")
    ended = project.archive("delta", status=ExitStatus.FAILED)
    assert (
        "cannot be written whole: The server refuses: ALTER TABLE public.p ALTER COLUMN at TYPE bigint;" in ended.stderr
    )
    assert 'cannot alter column "at" because it is part of the partition key of relation "p"' in ended.stderr
    assert "ALTER TABLE public.q ADD COLUMN b text;" in ended.stdout
    assert not project.pending.exists()


def test_a_merge_gets_a_delta_from_each_parent(project: Project) -> None:
    project.push("1", "CREATE TABLE a (id int)")
    project.push("2a", "CREATE TABLE b (id int)", "--parent", "1")
    project.do("DROP TABLE b", "CREATE TABLE c (id int)")
    project.archive("delta", "--parent", "1")
    project.archive("push", "2b", "--parent", "1")
    project.do("CREATE TABLE b (id int)")
    told = project.archive("delta", "--parent", "2a", "--parent", "2b").stdout
    assert f"{project.pending}: 1 step from version 2a, proven." in told
    assert f"{NAME}.deltas-from-2b: 1 step from version 2b, proven." in told
    project.archive("push", "3", "--parent", "2a", "--parent", "2b")
    project.archive("verify")


def test_partitions_that_the_archive_leaves_out_get_what_their_parents_get(project: Project) -> None:
    (project.folder / f"{NAME}.json").unlink()
    project.archive("init", "--name", NAME, "--leave-out", "partitions")
    project.push("1.0", "CREATE TABLE p (id int NOT NULL, at int) PARTITION BY RANGE (id)")
    project.do(
        "ALTER TABLE p ADD name text DEFAULT 'x'; CREATE INDEX p_name ON p (name); ALTER TABLE p ADD UNIQUE (id)"
    )
    project.archive("delta")
    project.archive("push", "1.1")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--to", "1.0", "--yes")
        project.do("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (9); INSERT INTO p VALUES (1)", database=live)
        project.archive("deploy", project.dsn(live), "--yes")
        with project.server.connect(live) as connection:
            invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
            assert connection.execute(invalid).fetchall() == []
            indexes = "SELECT count(*) FROM pg_index WHERE indrelid = 'p1'::regclass"
            assert connection.execute(indexes).fetchone() == (2,)
            assert connection.execute("SELECT name FROM p1").fetchall() == [("x",)]


def test_delta_turns_a_random_schema_into_another_one(project: Project, tmp_path: Path) -> None:
    """Of what it offers, each is proven, and does the same to a database that was made in another way."""
    server = project.server
    refused: list[str] = []
    first = VERSIONS.index(server.version) * PAIRS
    for seed in range(first, first + PAIRS):
        with scratches(server) as made, server.connect(made.make()) as one:
            for statement in Schema(seed).statements():
                one.execute(statement.encode())
            archive = archive_of(write_schema(describe(one)), tmp_path / str(seed))
            workshop = Workshop(archive, made)
            changed = Schema(seed, variant=1, changes=(0.05, 0.15, 0.4, 1.0)[seed % 4])
            wanted = workshop.sketch(";\n".join(changed.statements()), "the other schema")
            try:
                found = derive(workshop, "1", wanted)
            except SlateError as error:
                refused.append(f"{seed}: {error}")
                continue
            if found and not found.is_proven:
                refused.append(f"{seed}: {found.failed or [one.title for one in found.left]}")
                continue
            with one.transaction():
                one.execute((found.text if found else "").encode())
            assert [each.title for each in compare(wanted, describe(one))] == [], seed
    assert refused == []
