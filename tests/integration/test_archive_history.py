"""A history with branches and merges: from any version to any descendant, with the rows that are there."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.archive_histories import ROWS, History
from tests.archive_schemas import scratches
from tests.archives import Project, make_project
from tests.conftest import VERSIONS
from tests.effort import moments
from tests.servers import Server
from versioning.archive.delta.deriving import DECIDE, derive
from versioning.archive.folder import Archive, Version, digest
from versioning.archive.items import Description, compare
from versioning.archive.proof import Workshop
from versioning.archive.writing import write_schema

SIZE = 30
# How many ways from a version to a descendant are gone (all are fewer than 1000), and how long the history is on the
# second server version.
WAYS = moments(3, 1000)
SHORT = moments(10, SIZE)


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path) -> Iterator[Project]:
    yield make_project(server, name, tmp_path)


def write_history(history: History, server: Server, folder: Path) -> dict[str, Description]:
    """Puts all versions on record, with the deltas that the archive derives; what each version is on this server."""
    wanted: dict[str, Description] = {}
    with scratches(server) as made:
        workshop: Workshop | None = None
        for version, parents in history.parents.items():
            statements = ";\n".join(history.schemas[version].statements())
            if workshop is None:
                workshop = Workshop(Archive(folder, "shop", {}), made)
            wanted[version] = workshop.sketch(statements, f"version {version}")
            deltas: dict[str, str | None] = {}
            for parent in parents:
                found = derive(workshop, parent, wanted[version])
                assert found is None or found.is_proven, (version, parent, found)
                lines = found.text.splitlines(keepends=True) if found else []
                deltas[parent] = "".join(line for line in lines if not line.startswith(DECIDE)) or None
            workshop.archive = seal(workshop.archive, version, deltas, write_schema(wanted[version]))
    return wanted


def seal(archive: Archive, version: str, deltas: dict[str, str | None], text: str) -> Archive:
    """The archive with one version more."""
    parents = {parent: digest(delta) if delta else None for parent, delta in deltas.items()}
    entry = Version(parents, digest(text), "2020-01-01T00:00:00+00:00", "")
    sealed = replace(archive, versions={**archive.versions, version: entry})
    texts = {sealed.schema_file(version): text}
    texts |= {sealed.delta_file(version, parent): delta for parent, delta in deltas.items() if delta}
    sealed.write(texts)
    return sealed


def test_deploy_leads_from_a_version_to_any_descendant_and_keeps_all_rows(project: Project) -> None:
    size = SIZE if project.server.version == VERSIONS[-1] else SHORT
    history = History(seed=7, size=size)
    assert sum(len(above) > 1 for above in history.parents.values()) >= size // 10
    wanted = write_history(history, project.server, project.folder)
    ways = [(start, end) for start in history.parents for end in history.descendants(start)]
    chosen = random.Random(7).sample(ways, min(WAYS, len(ways)))
    for start, end in chosen:
        with project.live() as live, project.server.connect(live) as connection:
            project.archive("deploy", project.dsn(live), "--to", start, "--yes")
            tables = list(history.schemas[start].tables)
            # Those that others refer to come first.
            for table in sorted(tables, key=lambda one: bool(history.schemas[start].tables[one].refers_to)):
                connection.execute(
                    f"INSERT INTO {table} (id, payload) SELECT i, md5('{table}' || i)"
                    f" FROM generate_series(1, {ROWS}) AS i".encode()
                )
            project.archive("deploy", project.dsn(live), "--to", end, "--yes")
            assert [one.title for one in compare(wanted[end], project.description(live))] == [], (start, end)
            for table in tables:
                query = f"SELECT count(*) FROM {table} WHERE payload = md5('{table}' || id)"
                assert connection.execute(query.encode()).fetchone() == (ROWS,), (start, end, table)
