"""From options to a database: reach the server, survey it, and carry out the plan, or tell whether it can be done."""

import logging
from dataclasses import dataclass, replace

from init_slate_db.core import conninfo
from init_slate_db.core.connection import Connection, connect_first, server_parameters
from init_slate_db.core.conninfo import Parameters
from init_slate_db.core.console import write_result
from init_slate_db.core.creation.install import Installation
from init_slate_db.core.creation.plan import make_plan
from init_slate_db.core.creation.survey import look
from init_slate_db.core.embedded import SUPERUSER, Cluster, find_binaries
from init_slate_db.core.errors import ExitStatus
from init_slate_db.core.findings import raise_any
from init_slate_db.core.options import ConnectionOptions
from init_slate_db.options import PROGRAM, Options

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Target:
    """An open connection to the server, and what leads there again."""

    server: Connection
    parameters: Parameters
    options: ConnectionOptions


def check(options: Options) -> ExitStatus:
    """Tells on standard output, fact by fact, whether the database could be created. Writes nothing anywhere."""
    cluster = _embedded_cluster(options)
    if cluster and cluster.directory.exists() and not cluster.directory.is_dir():
        write_result(f"no  {cluster.directory} is not a folder")
        return ExitStatus.FAILED
    if cluster and not cluster.is_running():
        write_result(f"ok  an embedded PostgreSQL can be started in {cluster.directory}")
        return ExitStatus.DONE
    target = _reach(options, cluster)
    with target.server:
        findings = look(target.server, options.name, options.table_type).findings
    for finding in findings:
        write_result("\n".join(finding.lines()))
    return ExitStatus.FAILED if any(finding.against for finding in findings) else ExitStatus.DONE


def create(options: Options) -> None:
    """Creates the database, and writes its DSN, without a password, to standard output.

    :raises SlateError: it cannot be created; its name is as free as before.
    """
    cluster = _embedded_cluster(options)
    if cluster:
        cluster.ensure_running()
    target = _reach(options, cluster)
    info = target.server.info
    host, port, user, version = info.host, info.port, info.user, info.parameter_status("server_version")
    with target.server:
        survey = look(target.server, options.name, options.table_type)
        raise_any(survey.findings)
        place = f"{host}:{port} as {user} (PostgreSQL {version})"
        _logger.info('Creating %s database "%s" on %s.', options.table_type, options.name, place)
        plan = make_plan(options.name, options.table_type, locale=survey.locale)
        Installation(plan, target.server, target.parameters, target.options).run(survey.leftovers)
    _logger.info('Created %s database "%s".', options.table_type, options.name)
    if cluster:
        _logger.info("Its server goes on running. To stop it: kill -INT %d", cluster.pid)
    write_result(conninfo.uri(host, port, user, options.name, str(cluster.pgpass) if cluster else None))


def _embedded_cluster(options: Options) -> Cluster | None:
    return Cluster(options.embedded, find_binaries()) if options.embedded else None


def _reach(options: Options, cluster: Cluster | None) -> _Target:
    """Connects to where databases are created from: the DSN's database, else postgres, else template1."""
    connection = options.connection
    if cluster:
        connection = replace(
            connection, host="127.0.0.1", port=cluster.port, user=SUPERUSER, password=None, passfile=str(cluster.pgpass)
        )
    parameters = server_parameters(connection, PROGRAM)
    if cluster:
        # PG* variables mean other servers, and libpq would let them win over the password file.
        parameters |= {"hostaddr": "127.0.0.1", "password": cluster.password, "sslmode": "disable"}
    databases = (parameters["dbname"],) if "dbname" in parameters else ("postgres", "template1")
    return _Target(connect_first(parameters, connection, databases), parameters, connection)
