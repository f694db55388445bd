"""An archive serves servers of every version: what one has put on record, another one builds and finds again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from init_slate_db.core.errors import ExitStatus
from tests.archives import EVERYTHING, Project, make_project, scratch_databases
from tests.conftest import VERSIONS
from tests.servers import Server

# What servers print otherwise by version (columns of a view), and otherwise once they have read it again (IN).
WORDS = """
CREATE TABLE item (code varchar(9) CHECK (code IN ('a', 'b')), price numeric, at timestamptz DEFAULT now());
CREATE INDEX cheap ON item (price) WHERE code IN ('a', 'b');
CREATE VIEW items AS SELECT i.code, o.id, extract(year FROM i.at) AS year
  FROM item AS i JOIN orders AS o ON o.at = i.at;
CREATE FUNCTION total() RETURNS numeric LANGUAGE sql BEGIN ATOMIC SELECT sum(i.price) FROM item AS i; END;
"""
MORE = """
ALTER TABLE item ADD name varchar(20) NOT NULL DEFAULT 'none' CHECK (name IN ('none', 'some'));
CREATE OR REPLACE VIEW items AS SELECT i.code, o.id, extract(year FROM i.at) AS year, i.name
  FROM item AS i JOIN orders AS o ON o.at = i.at WHERE i.code IN ('a', 'b')
"""


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    yield make_project(server, name, tmp_path)


needs_two = pytest.mark.skipif(len(VERSIONS) < 2, reason="PostgreSQL 15 or 18 is not here")


@pytest.fixture
def other(project: Project, backup_server: Server) -> Iterator[Project]:
    """The same archive, and an empty database on a server of the other version."""
    other = Project(backup_server, f"{project.database}_other", project.folder)
    other.create()
    yield other
    backup_server.drop(other.database)


@needs_two
def test_what_one_version_of_postgresql_pushed_another_verifies_deploys_and_goes_on_from(
    project: Project, other: Project
) -> None:
    assert project.server.version != other.server.version
    project.push("1.0", EVERYTHING + WORDS)
    project.push("1.1", MORE)
    assert "2 versions and 1 delta: each can be built" in other.archive("verify").stdout
    # A database that its own server has made from the statements, and not from what is on record.
    other.do(EVERYTHING + WORDS)
    other.archive("deploy", other.dsn(other.database), "--from", "1.0", "--yes")
    assert " is version 1.1, as on record." in other.archive("verify", other.dsn(other.database)).stdout
    other.push("1.2", "CREATE VIEW codes AS SELECT i.code FROM items AS i WHERE i.code IN ('a', 'b')")
    with project.live() as live:
        project.archive("deploy", project.dsn(live), "--yes")
        assert " is version 1.2, as on record." in project.archive("verify", project.dsn(live)).stdout
        project.do("ALTER TABLE item DROP CONSTRAINT item_code_check", database=live)
        project.do("ALTER TABLE item ADD CONSTRAINT item_code_check CHECK (code IN ('a', 'c'))", database=live)
        found = project.archive("verify", project.dsn(live), status=ExitStatus.DIFFERENT).stdout
        assert "constraint public.item.item_code_check differs" in found
        assert found.count(" differs") == 1


def test_the_checksum_of_a_schema_does_not_depend_on_how_the_database_came_to_it(project: Project) -> None:
    """Not on the order of statements, on what was there between, nor on the words that a server remembers."""
    project.do(EVERYTHING, WORDS)
    project.push("1.0")
    again = make_project(project.server, f"{project.database}_again", project.folder.parent / "again")
    try:
        text = project.file("1.0.schema.sql").read_text()
        again.do("CREATE TABLE passing (id int)", text, "DROP TABLE passing", "VACUUM FULL pg_class")
        again.push("1.0")
        assert again.file("1.0.schema.sql").read_text() == text
        assert again.checksum("1.0") == project.checksum("1.0")
    finally:
        again.server.drop(again.database)


@needs_two
def test_a_scratch_server_of_another_version_is_refused(project: Project, backup_server: Server) -> None:
    refused = project.archive(
        "push", "1.0", "--scratch", project.dsn("postgres", backup_server), status=ExitStatus.REFUSED
    )
    assert f"is PostgreSQL {backup_server.version}, the database's is {project.server.version}." in refused.stderr
    assert not scratch_databases(backup_server)
