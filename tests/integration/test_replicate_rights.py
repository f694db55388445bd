"""slate-replicate with roles that are no superusers, and with passwords that show nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from psycopg import sql

from init_slate_db.core.errors import ExitStatus
from tests.links import Pair, open_pair
from tests.servers import Server

SECRET = "s3cr3t"
PASSWORD = f"""  it's a "{SECRET}" \\ 50%40 @host:1/x?a=b&c=d $1 {{}} """


@dataclass(frozen=True)
class Roles:
    """owner: of both databases, on both servers; follower: may do no more than replicate from the source."""

    owner: str
    follower: str


@pytest.fixture
def pair(server: Server, backup_server: Server, name: str) -> Iterator[Pair]:
    """A source of twenty events, and an empty destination."""
    with open_pair(server, backup_server, name) as pair:
        yield pair


@pytest.fixture
def roles(pair: Pair) -> Iterator[Roles]:
    roles = Roles(f"{pair.name}_owner", f"{pair.name}_follower")
    for server, database in ((pair.source_server, pair.name), (pair.destination_server, pair.copy)):
        with server.connect(database) as connection:
            for role in (roles.owner, roles.follower):
                verifier = connection.pgconn.encrypt_password(PASSWORD.encode(), role.encode(), b"scram-sha-256")
                create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(create.format(sql.Identifier(role), verifier.decode()))
            for command in ("ALTER DATABASE {1} OWNER TO {0}", "ALTER TABLE events OWNER TO {0}"):
                connection.execute(command.format(roles.owner, database).encode())
    yield roles
    for server, database in ((pair.source_server, pair.name), (pair.destination_server, pair.copy)):
        with server.connect(database) as connection:
            connection.execute(f"REASSIGN OWNED BY {roles.owner} TO CURRENT_USER".encode())
            connection.execute(f"DROP OWNED BY {roles.owner}, {roles.follower}".encode())
            connection.execute(f"DROP ROLE {roles.owner}, {roles.follower}".encode())


def grant(server: Server, command: str) -> None:
    with server.connect() as connection:
        connection.execute(command.encode())


def run(pair: Pair, roles: Roles, verb: str, *more: str) -> "tuple[int, str]":
    """As the owner on both sides: exit status, and all that was said."""
    source = pair.source_address(user=roles.owner, password=PASSWORD)
    destination = pair.destination_address(user=roles.owner, password=PASSWORD)
    ended = pair.run(verb, "--yes", *more, source=source, destination=destination)
    return ended.returncode, ended.stdout + ended.stderr


def allow(pair: Pair, roles: Roles) -> None:
    """Gives the owner what PostgreSQL asks of one that is no superuser."""
    grant(pair.source_server, f"ALTER ROLE {roles.owner} REPLICATION")
    if pair.destination_server.version >= 16:
        grant(pair.destination_server, f"GRANT pg_create_subscription TO {roles.owner}")
    else:
        grant(pair.destination_server, f"ALTER ROLE {roles.owner} SUPERUSER")


def test_what_is_missing_is_named_right_by_right(pair: Pair, roles: Roles) -> None:
    code, said = run(pair, roles, "add")
    assert code == ExitStatus.FAILED
    assert f'role "{roles.owner}" may not replicate' in said
    assert f'ALTER ROLE "{roles.owner}" REPLICATION' in said
    if pair.destination_server.version >= 16:
        assert "GRANT pg_create_subscription" in said
    else:
        assert "lets nobody else subscribe" in said
    grant(pair.source_server, f"REVOKE ALL ON DATABASE {pair.name} FROM {roles.owner}")
    assert pair.traces() == []


def test_owners_of_the_tables_add_verify_and_remove(pair: Pair, roles: Roles) -> None:
    allow(pair, roles)
    code, said = run(pair, roles, "add")
    assert code == ExitStatus.DONE, said
    pair.wait_for_event(pair.append())
    assert pair.same_events()
    ended = pair.run(
        "verify",
        source=pair.source_address(user=roles.owner, password=PASSWORD),
        destination=pair.destination_address(user=roles.owner, password=PASSWORD),
    )
    assert ended.returncode == ExitStatus.DONE, ended.stderr
    code, said = run(pair, roles, "remove")
    assert code == ExitStatus.DONE, said
    assert pair.traces() == []


def test_the_destinations_server_may_replicate_as_a_role_of_its_own(pair: Pair, roles: Roles) -> None:
    allow(pair, roles)
    grant(pair.source_server, f"ALTER ROLE {roles.follower} REPLICATION")
    way = ("--replication-user", roles.follower, "--replication-password", PASSWORD)
    code, said = run(pair, roles, "add", *way)
    assert code == ExitStatus.DONE, said
    pair.wait_for_event(pair.append())
    with pair.source() as source:
        users = source.execute(
            "SELECT usename FROM pg_stat_replication WHERE application_name = %s", (pair.slots()[0],)
        ).fetchall()
    assert users == [(roles.follower,)]


def test_what_a_superuser_adds_belongs_to_the_owner_of_events(pair: Pair, roles: Roles) -> None:
    pair.add()
    with pair.source() as source, pair.destination() as destination:
        publications = source.execute("SELECT pg_get_userbyid(pubowner) FROM pg_publication").fetchall()
        guards = destination.execute(
            "SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'refuse_while_following'"
        ).fetchall()
    assert publications == [(roles.owner,)]
    # From 15 on, who owns the database may create in its schema public.
    assert guards == [(roles.owner,)]


def test_passwords_show_nowhere(pair: Pair, roles: Roles) -> None:
    allow(pair, roles)
    before = {server: log(server) for server in (pair.source_server, pair.destination_server)}
    said = [run(pair, roles, "add", "-vv", "--replication-user", roles.owner, "--replication-password", PASSWORD)]
    # Once more where the way fails, so that the command is in an error.
    said += [run(pair, roles, "remove", "-vv")]
    said += [run(pair, roles, "add", "-vv", "--source-server-host", "127.0.0.1:1")]
    assert [code for code, _ in said] == [ExitStatus.DONE, ExitStatus.DONE, ExitStatus.REFUSED], said
    for _, text in said:
        assert SECRET not in text
    for server, length in before.items():
        logged = log(server)[len(length) :]
        assert "slate_command" in logged or server is pair.source_server
        assert SECRET not in logged


def log(server: Server) -> str:
    return server.cluster.log.read_text(encoding="utf-8", errors="replace")
