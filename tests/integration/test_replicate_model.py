"""slate-replicate between databases that hold to the model of roles: each login role has what it needs, and no more."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from init_slate_db.core.errors import ExitStatus
from tests import commands
from tests.links import COMMAND, Pair, close
from tests.proxy import Proxy
from tests.servers import Server

PASSWORD = "pass-of-a-role"


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """Both made with --roles, each with roles of its own."""
    pair = Pair(server, backup_server, name)
    sides = (server, pair.name, "source"), (backup_server, pair.copy, "destination")
    for one, database, kind in sides:
        made = commands.run(["-n", database, "-t", kind, "--roles", database], one.environment())
        assert made.returncode == ExitStatus.DONE, made.stderr
    yield pair
    close(pair)
    for one, database, _ in sides:
        with one.connect() as connection:
            roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", (f"^{database}_",)).fetchall()
            for (role,) in roles:
                connection.execute(f"DROP OWNED BY {role}".encode())
                connection.execute(f"DROP ROLE {role}".encode())


def login(server: Server, role: str, group: str, *more: str) -> None:
    """Makes a login role that is a member of a group, with further commands for it."""
    with server.connect() as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' IN ROLE {group}".encode())
        for command in more:
            connection.execute(command.format(role).encode())


@dataclass(frozen=True)
class Roles:
    """Login roles. adder: owns the source; follower: what the destination's server comes as; receiver: owns that."""

    adder: str
    follower: str
    receiver: str


@pytest.fixture
def roles(pair: Pair) -> Roles:
    """Each with what PostgreSQL asks of it beside the membership."""
    roles = Roles(f"{pair.name}_adder", f"{pair.name}_follower", f"{pair.copy}_receiver")
    login(pair.source_server, roles.adder, f"{pair.name}_owner", "ALTER ROLE {} REPLICATION")
    login(pair.source_server, roles.follower, f"{pair.name}_replicator", "ALTER ROLE {} REPLICATION")
    right = "GRANT pg_create_subscription TO {}" if pair.destination_server.version >= 16 else "ALTER ROLE {} SUPERUSER"
    login(pair.destination_server, roles.receiver, f"{pair.copy}_owner", right)
    return roles


def run(pair: Pair, roles: Roles, verb: str, *more: str) -> "tuple[int, str]":
    """Exit status, and all that was said."""
    ended = pair.run(
        verb,
        "--yes",
        *more,
        source=pair.source_address(user=roles.adder, password=PASSWORD),
        destination=pair.destination_address(user=roles.receiver, password=PASSWORD),
    )
    return ended.returncode, ended.stdout + ended.stderr


def way(roles: Roles) -> tuple[str, ...]:
    return "--replication-user", roles.follower, "--replication-password", PASSWORD


def check_removed(pair: Pair) -> None:
    assert pair.slots() == []
    with pair.source() as source, pair.destination() as destination:
        assert source.execute("SELECT FROM pg_publication").rowcount == 0
        assert destination.execute("SELECT FROM pg_subscription").rowcount == 0


def test_an_owner_adds_and_removes_what_a_replicator_follows(pair: Pair, roles: Roles) -> None:
    pair.append(20)
    code, said = run(pair, roles, "add", *way(roles))
    assert code == ExitStatus.DONE, said
    pair.wait_for_event(pair.append(5))
    assert pair.same_events()
    with pair.source() as source:
        assert source.execute("SELECT usename FROM pg_stat_replication").fetchall() == [(roles.follower,)]
    code, said = run(pair, roles, "remove")
    assert code == ExitStatus.DONE, said
    check_removed(pair)


def test_a_walsender_that_the_owner_may_not_end_is_waited_for(pair: Pair, roles: Roles) -> None:
    """It does not notice that nobody listens any more, since the network is cut."""
    with Proxy(pair.source_server) as proxy:
        code, said = run(pair, roles, "add", *way(roles), "--source-server-host", f"127.0.0.1:{proxy.port}")
        assert code == ExitStatus.DONE, said
        proxy.cut()
        code, said = run(pair, roles, "remove")
        assert code == ExitStatus.FAILED
        assert "is active for PID" in said
        proxy.mend()
        code, said = run(pair, roles, "remove")
        assert code == ExitStatus.DONE, said
    check_removed(pair)


def test_a_reader_of_both_sees_how_they_stand_and_compares_them(pair: Pair, roles: Roles) -> None:
    pair.append(20)
    code, said = run(pair, roles, "add", *way(roles))
    assert code == ExitStatus.DONE, said
    reader = f"{pair.copy}_onlooker"
    login(pair.source_server, reader, f"{pair.name}_reader")
    login(pair.destination_server, reader, f"{pair.copy}_reader")
    source = pair.source_address(user=reader, password=PASSWORD)
    destination = pair.destination_address(user=reader, password=PASSWORD)
    verified = pair.run("verify", source=source, destination=destination)
    assert verified.returncode == ExitStatus.DONE, verified.stderr
    environment = pair.source_server.environment(PGUSER=reader, PGPASSWORD=PASSWORD)
    told = commands.run(["status", source, "--max-lag", "0"], environment, COMMAND)
    assert told.returncode == ExitStatus.DONE, told.stdout
