"""``slate-schema release`` is interrupted or killed, or its server is, at any moment: each verb did all, or nothing.

A walk through all verbs that change something, interrupted in each; SLATE_ALL_MOMENTS: 20 walks a version.
"""

import contextlib
import itertools
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands, releases, servers
from tests.effort import moments
from tests.releases import BASE, COMMAND, SEED_FILES, WEB, Project
from tests.servers import Server, wait_for
from versioning.releases import contents

WALKS = moments(1, 20)
FUNCTIONS = {
    f"40_more/{number}_f.sql": f"CREATE FUNCTION f{number}() RETURNS integer LANGUAGE sql AS 'SELECT {number}';"
    for number in range(10, 90)
}
FILES = SEED_FILES | FUNCTIONS
VERBS = (
    ("create", "FOLDER", "--version", "1.0.0"),
    ("bootstrap", "FOLDER"),
    ("create", "FOLDER", "--version", "1.1.0"),
    ("activate", "1.1.0", "--role", WEB),
    ("activate", "1.0.0", "--role", WEB),
    ("rollback", "--role", WEB),
    ("retire", "1.0.0", "--calls-not-counted"),
    ("restore", "1.0.0"),
)
LEDGERS = (
    "SELECT schema_name, retired_at IS NULL FROM slate.release ORDER BY 1",
    "SELECT schema_name, undone_at IS NULL FROM slate.release_activation ORDER BY activation_id",
)


@dataclass(frozen=True)
class Moment:
    """What an undisturbed walk found behind a verb. seconds: how long that took."""

    standing: Any
    seconds: float


def start(project: Project, verb: tuple[str, ...]) -> "subprocess.Popen[str]":
    words = [str(project.folder) if word == "FOLDER" else word for word in verb]
    return commands.start([*words, "--yes", "-d", project.database], project.server.environment(), COMMAND)


def standing(project: Project) -> Any:
    """All that the verbs make or change: schemas with what they hold, the ledgers, settings, roles."""
    with project.session() as session:
        session.execute("SET search_path = pg_catalog")
        schemas = [name for (name,) in session.execute("SELECT nspname FROM pg_namespace ORDER BY 1")]
        held = {name: contents.read(session, name) for name in schemas if name.startswith(BASE)}
        has_ledger = session.execute("SELECT FROM pg_tables WHERE tablename = 'release_calls'").rowcount
        rows = [session.execute(query.encode()).fetchall() for query in LEDGERS] if has_ledger else []
        settings = session.execute(
            "SELECT setconfig FROM pg_db_role_setting WHERE setdatabase ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchall()
    return held, rows, settings


@pytest.fixture(scope="module", params=list(servers.binaries()), ids=lambda version: f"pg{version}")
def server(request: pytest.FixtureRequest, server_directory: Path) -> Iterator[Server]:
    """A server of its own, which may be killed."""
    server = servers.start(server_directory / f"release-{request.param}", request.param)
    try:
        yield server
    finally:
        server.cluster.stop("immediate")


@pytest.fixture(scope="module")
def undisturbed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> list[Moment]:
    """What a walk without interruptions found before it, and behind every verb."""
    with releases.project(server, "undisturbed", tmp_path_factory.mktemp("release") / "50_proj_api") as project:
        releases.make_roles(server)
        releases.write_files(project.folder, FILES)
        found = [Moment(standing(project), 0)]
        for verb in VERBS:
            begin = time.monotonic()
            finish(project, verb)
            found.append(Moment(standing(project), time.monotonic() - begin))
    # Every verb changes something, so that a verb that did nothing cannot be taken for one that did all.
    assert all(one.standing != other.standing for one, other in itertools.pairwise(found))
    return found


def finish(project: Project, verb: tuple[str, ...]) -> None:
    with start(project, verb) as run:
        _, log = run.communicate()
    assert run.returncode == ExitStatus.DONE, log


@pytest.mark.parametrize("seed", range(WALKS))
def test_whatever_ends_a_verb_it_did_all_or_nothing_and_can_be_run_again(
    server: Server, undisturbed: list[Moment], name: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    with releases.project(server, name, tmp_path / "50_proj_api") as project:
        releases.make_roles(server)
        releases.write_files(project.folder, FILES)
        for position, verb in enumerate(VERBS):
            before, after = undisturbed[position : position + 2]
            interrupt(project, verb, chance.uniform(0.3, 1.1) * after.seconds, chance)
            found = standing(project)
            assert found in (before.standing, after.standing), f"seed {seed}: {verb}"
            if found == before.standing:
                finish(project, verb)
            assert standing(project) == after.standing


def interrupt(project: Project, verb: tuple[str, ...], seconds: float, chance: random.Random) -> None:
    """Runs the verb, and ends it, or its server, after so long."""
    victim = chance.choice(("command", "server", "Ctrl-C"))
    with start(project, verb) as run:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(seconds)
        if victim == "server":
            project.server.kill()
            run.communicate()
            project.server.restart()
        else:
            run.send_signal(signal.SIGINT if victim == "Ctrl-C" else signal.SIGKILL)
            run.communicate()
    with project.server.connect() as connection:
        query = "SELECT FROM pg_stat_activity WHERE datname = %s"
        wait_for(lambda: not connection.execute(query, (project.database,)).rowcount, "the session's end")
