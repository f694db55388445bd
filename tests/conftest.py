"""Servers for the whole test run: two of each PostgreSQL version that the machine has."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import effort, servers
from tests.migrations import Nodes, make_nodes
from tests.servers import Server

KEPT_SERVERS = os.environ.get("SLATE_TEST_SERVERS", "")
VERSIONS = list(servers.binaries())
_numbers = itertools.count(1)


def pytest_report_header() -> str:
    return "PostgreSQL: " + ", ".join(f"{version} ({path})" for version, path in servers.binaries().items())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders with the longest tests first, so that no worker begins one when the others are done."""
    if KEPT_SERVERS:
        return
    folders = ["faults", "containers", "integration", "compatibility", "unit"]
    items.sort(key=lambda item: folders.index(item.path.relative_to(Path(__file__).parent).parts[0]))
    if effort.EVERYTHING:
        for item in items:
            item.add_marker(pytest.mark.timeout(4 * 3600))


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """A folder for clusters, open to the system user that runs them, gone after the run.

    SLATE_TEST_SERVERS names one that stays, and whose servers go on running, for the runs of tests/mutation.
    """
    if KEPT_SERVERS:
        yield Path(KEPT_SERVERS)
        return
    directory = Path(tempfile.mkdtemp(prefix="slate-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def clusters(server_directory: Path) -> Iterator[dict[tuple[int, str], Server]]:
    """Two servers a version, keyed by version and "source" or "backup"."""
    running: dict[tuple[int, str], Server] = {}
    try:
        for version, role in itertools.product(VERSIONS, ("source", "backup")):
            running[version, role] = servers.start(server_directory / f"{version}-{role}", version)
        yield running
    finally:
        for server in () if KEPT_SERVERS else running.values():
            server.cluster.stop("immediate")


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"pg{version}")
def server(request: pytest.FixtureRequest, clusters: dict[tuple[int, str], Server]) -> Server:
    """A server of each version in turn."""
    return clusters[request.param, "source"]


@pytest.fixture(scope="session")
def backup_server(server: Server, clusters: dict[tuple[int, str], Server]) -> Server:
    """A second server, of the other version where the machine has two."""
    other = next((version for version in VERSIONS if version != server.version), server.version)
    return clusters[other, "backup"]


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """The name of a database that does not exist, and is dropped after the test."""
    name = f"events_{next(_numbers)}"
    yield name
    server.drop(name)


@pytest.fixture
def three_nodes(server: Server, name: str, tmp_path: Path) -> Iterator[Nodes]:
    """Three empty databases of one server, and an empty folder of patches."""
    nodes = make_nodes(server, name, tmp_path, 3)
    yield nodes
    for one in nodes.names:
        server.drop(one)


@pytest.fixture
def one_node(server: Server, name: str, tmp_path: Path) -> Nodes:
    """An empty database, and an empty folder of patches."""
    return make_nodes(server, name, tmp_path, 1)
