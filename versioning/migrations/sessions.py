"""The connections of a run: two to each node, one that patches go through, and one that holds the turn and watches."""

import getpass
import socket
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psycopg

from init_slate_db.core.addresses import Address, Reached, reach
from init_slate_db.core.connection import Connection, connect, connect_now, lift_timeouts, server_errors
from init_slate_db.core.errors import SlateError
from init_slate_db.core.identity import read_identity
from versioning import PROGRAM
from versioning.migrations.cluster import Cluster, LockPatience, Node, Origin, Session, place_of
from versioning.migrations.clusters import find_cluster
from versioning.notices import tell_notices

_OLDEST = 14
# A transaction whose command was killed ends with it, instead of when its statement does: once a second the server
# looks whether its client is there. Not every platform can.
CHECK = "SET client_connection_check_interval = '1s'"


@dataclass(frozen=True)
class Opened:
    """The cluster, a session on the nodes that answer, and what the others say, by their names."""

    cluster: Cluster
    session: Session
    unreached: dict[str, SlateError]


@contextmanager
def open_session(
    addresses: tuple[Address, ...], patience: LockPatience, *, all_nodes: bool, ignored: Collection[str] = ()
) -> Iterator[Opened]:
    """Connects to all nodes.

    :param addresses: what the operator named, the source first.
    :param ignored: replication slots of others who follow the source, for whom the operator answers.
    :param all_nodes: whether a follower that does not answer ends it.
    :raises SlateError: one of the connection codes; same-database, read-only, server-too-old.
    """
    with ExitStack() as stack:
        known: dict[Address, Reached] = {}
        refused: dict[Address, SlateError] = {}

        def enter(address: Address) -> Reached | None:
            if address not in known and address not in refused:
                # Where one has failed, the others are asked to be told as well, and not waited for.
                connecting = connect_now if refused and all_nodes else connect
                try:
                    known[address] = _check(reach(address, PROGRAM, connecting), stack)
                except SlateError as error:
                    refused[address] = error
            return known.get(address)

        def require() -> None:
            if refused and (all_nodes or addresses[0] in refused):
                raise _unreached(list(refused.values()), len(known) + len(refused))

        given = [Node(one.place if (one := enter(it)) else place_of(it), it) for it in addresses]
        require()
        _refuse_twice([known[it] for it in addresses if it in known])
        cluster = find_cluster(known[addresses[0]], tuple(given), known, ignored)
        work = {node.name: reached for node in cluster.nodes if (reached := enter(node.address))}
        require()
        watch = {name: stack.enter_context(_watch(reached)) for name, reached in work.items()}
        fresh = {name: _fresh_text(reached.connection, patience) for name, reached in work.items()}
        source = work[cluster.nodes[0].name].connection
        session = Session(work, watch, fresh, _origin(source), patience)
        yield Opened(cluster, session, {n.name: refused[n.address] for n in cluster.nodes if n.address in refused})


def _unreached(errors: list[SlateError], count: int) -> SlateError:
    """What to tell where nodes do not answer, of count that there are."""
    if len(errors) == 1:
        return errors[0]
    told = [f"{error.what} {error.why.partition(chr(10))[0]}".strip() for error in errors]
    return SlateError(
        errors[0].code,
        f"{len(errors)} of {count} nodes cannot be used:\n  " + "\n  ".join(told),
        hint="Nothing was changed.",
    )


def _check(reached: Reached, stack: ExitStack) -> Reached:
    connection = stack.enter_context(reached.connection)
    tell_notices(connection, f"{reached.place}: ")
    version = connection.info.server_version // 10000
    if version < _OLDEST:
        raise SlateError(
            "server-too-old", f"{reached.place} runs PostgreSQL {version}.", hint=f"{_OLDEST} or later is needed."
        )
    with server_errors(f"say what {reached.place} is"):
        if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
            raise SlateError("read-only", f"{reached.place} is a standby.", hint="Name its primary.")
    return reached


def _refuse_twice(nodes: list[Reached]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for reached in nodes:
        with server_errors(f"say which database {reached.place} is"):
            identity = read_identity(reached.connection)
        if identity in seen:
            raise SlateError(
                "same-database",
                f"{seen[identity]} and {reached.place} are the same database.",
                hint="Name each node once.",
            )
        seen[identity] = reached.place


def _watch(reached: Reached) -> Connection:
    connection = connect_now(reached.parameters, reached.options)
    # It is idle while patches run, for hours perhaps.
    lift_timeouts(connection)
    return connection


def _fresh_text(connection: Connection, patience: LockPatience) -> str:
    """The SQL that undoes what a patch has set, and lifts limits that are meant for other clients."""
    commands = ["RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL", "DISCARD TEMP"]
    # The same text means the same on all nodes.
    commands += ["SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on"]
    commands += [f"SET lock_timeout = {patience.timeout}", "SET statement_timeout = 0"]
    commands += ["SET idle_in_transaction_session_timeout = 0", "SET idle_session_timeout = 0"]
    if connection.info.server_version >= 170000:
        commands.append("SET transaction_timeout = 0")
    with suppress(psycopg.errors.InvalidParameterValue, psycopg.errors.FeatureNotSupported):
        connection.execute(CHECK)
        commands.append(CHECK)
    return ";\n".join(commands)


def _origin(connection: Connection) -> Origin:
    with server_errors("say which role this is"):
        row = connection.execute("SELECT current_user").fetchone()
    assert row
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A user without an entry in the system's list, as in some containers.
        user = "?"
    return Origin(row[0], f"{user}@{socket.gethostname()}")
