"""Where the databases are: what a user types for one, and the way there."""

import argparse
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from psycopg.conninfo import conninfo_to_dict

from init_slate_db.core import options as shared
from init_slate_db.core.connection import Connection, connect, connect_server, pin, server_parameters
from init_slate_db.core.conninfo import Parameters, describe, is_valid_dsn
from init_slate_db.core.options import MISSING, ConnectionOptions, Faults

DEFAULT_DATABASE = "events"

# A connection through which nothing comes any more ends within half a minute, instead of after hours.
_WATCHFUL: Parameters = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30000,
}
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^@\]]+\]|[^:@\[\]]+|[^:@\[\]]*(?::[^:@\[\]]*){2,})(?::(?P<port>[0-9]+))?")


@dataclass(frozen=True)
class Address:
    """One database. database: its name, where the connection string names none; overrides: where it does, too."""

    connection: ConnectionOptions
    database: str
    overrides: bool = False


@dataclass(frozen=True)
class Reached:
    """An open connection to a database, and what leads to the very same server again.

    cluster: libpq's host and port, where several hosts were named; this is one of them.
    """

    connection: Connection
    parameters: Parameters = field(repr=False)
    options: ConnectionOptions
    cluster: Parameters = field(default_factory=dict)

    @property
    def host_and_port(self) -> str:
        """The server, for messages."""
        return describe(self.parameters)

    @property
    def place(self) -> str:
        """Host, port and database, for messages."""
        return f"{self.host_and_port}/{self.connection.info.dbname}"

    def again(self) -> "Reached":
        """The same by another connection.

        :raises SlateError: one of the connection codes.
        """
        return replace(self, connection=connect(self.parameters, self.options))


def default_database() -> str:
    """The database that a command works on when none is named."""
    return os.environ.get("PGDATABASE") or DEFAULT_DATABASE


def add_database_option(
    group: argparse._ArgumentGroup, what: str = "the database", *, repeatable: bool = False
) -> None:
    """Adds --database, which goes with the connection options.

    :param what: which database it is, for the help.
    :param repeatable: whether it may stand there more than once.
    """
    shared.value_option(
        group,
        "-d",
        "--database",
        metavar="NAME",
        help=f"{what} [PGDATABASE, {DEFAULT_DATABASE}]",
        repeatable=repeatable,
        completions=shared.DATABASES,
    )


def read_database(values: argparse.Namespace, faults: Faults) -> Address:
    """The database that --database and the connection options name."""
    connection = shared.read_connection_options(values, faults)
    return address_of(connection, shared.read_text(values.database, "--database", faults))


def address_of(connection: ConnectionOptions, database: str | None, role: str = "the server") -> Address:
    """The database of that name, else of the connection string's, else the default one.

    :param role: what the server is called in questions.
    """
    return Address(replace(connection, role=role), database or default_database(), overrides=database is not None)


def read_address(value: str, option: str, fallback: ConnectionOptions, database: str | None, faults: Faults) -> Address:
    """The address in a host, a host:port, a socket folder, a URI or a key=value string.

    :param option: what faults are told of.
    :param fallback: fills in what the value leaves out; the rest comes from libpq's own sources.
    :param database: fills in the name of the database.
    """
    nothing = Address(fallback, database or default_database())
    if value is MISSING or not value:
        faults.add(option, "needs a value: a host, host:port, a URI or a key=value string")
        return nothing
    if "://" in value or "=" in value:
        if not is_valid_dsn(value):
            faults.add(
                option, "is neither a postgresql:// URI nor a key=value string (not shown: it may hold a password)"
            )
            return nothing
        named = conninfo_to_dict(value)
        return replace(nothing, connection=_yielding(replace(fallback, host=None, dsn=value), named))
    if value.startswith("/"):
        return replace(nothing, connection=replace(fallback, host=value, dsn=None))
    match = _HOST_AND_PORT.fullmatch(value)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        faults.add(option, _no_address(value))
        return nothing
    port = int(match["port"]) if match["port"] else fallback.port
    return replace(nothing, connection=replace(fallback, host=match["host"].strip("[]"), port=port, dsn=None))


def _no_address(value: str) -> str:
    if "@" in value:
        return "is no address; a user goes into a URI: postgresql://USER@HOST (not shown: it may hold a password)"
    return f'"{value}" is no address: a host, host:port, a URI or a key=value string'


def _yielding(connection: ConnectionOptions, named: Mapping[str, object]) -> ConnectionOptions:
    """The options without those that the connection string names itself."""
    return replace(
        connection,
        port=None if named.get("port") or named.get("service") else connection.port,
        user=None if named.get("user") else connection.user,
        password=None if named.get("password") else connection.password,
    )


def reach(
    address: Address,
    program: str,
    connecting: Callable[[Parameters, ConnectionOptions], Connection] = connect,
) -> Reached:
    """Connects to the database of the address.

    :param connecting: how: with patience unless told otherwise.
    :raises SlateError: one of the connection codes.
    """
    return reach_by(parameters_of(address, program), address.connection, connecting)


def reach_by(
    parameters: Parameters,
    options: ConnectionOptions,
    connecting: Callable[[Parameters, ConnectionOptions], Connection] = connect,
) -> Reached:
    """Connects as libpq's parameters say, which then hold what was asked for on a terminal, come what may.

    :param connecting: how: with patience unless told otherwise.
    :raises SlateError: one of the connection codes.
    """
    connection = connecting(parameters, options)
    return Reached(connection, pin(parameters, connection), options, _several_hosts(parameters))


def reach_server(parameters: Parameters, options: ConnectionOptions) -> Reached:
    """The same for the server alone, by a database that clusters have; the parameters name that one then."""
    return reach_by(parameters, options, connect_server)


def unasked(address: Address) -> Address:
    """The address, on the way to which nobody is asked for anything."""
    return replace(address, connection=replace(address.connection, interactive=False))


def answered(address: Address, reached: Reached) -> Address:
    """The address with what was answered on the way there, so that nothing is asked for again.

    :param reached: it, or another database of its server; open.
    """
    user, password = reached.connection.info.user, reached.parameters.get("password")
    return unasked(replace(address, connection=replace(address.connection, user=user, password=password)))


def _several_hosts(parameters: Parameters) -> Parameters:
    """Host and port as they were named, by libpq's own variables, too. Empty: not several."""
    host = parameters.get("host") or os.environ.get("PGHOST", "")
    port = parameters.get("port") or os.environ.get("PGPORT")
    return {"host": host} | ({"port": port} if port else {}) if "," in host else {}


def parameters_of(address: Address, program: str) -> Parameters:
    """libpq's parameters for the address, its database among them."""
    parameters = _WATCHFUL | server_parameters(address.connection, program)
    if parameters.get("host"):
        # Else PGHOSTADDR, which means another server, would win over the host.
        parameters.setdefault("hostaddr", "")
    if address.overrides:
        parameters["dbname"] = address.database
    parameters.setdefault("dbname", address.database)
    return parameters
