"""From options to a database: reach the server, survey it, and carry out the plan, or tell whether it can be done."""

import logging
from dataclasses import dataclass, replace

import psycopg

from init_slate_db.core import conninfo
from init_slate_db.core.connection import Connection, connect, connect_server, server_errors, server_parameters
from init_slate_db.core.conninfo import Parameters
from init_slate_db.core.console import write_result
from init_slate_db.core.creation.install import Installation
from init_slate_db.core.creation.plan import ROLES, fill_in, make_plan, role_names
from init_slate_db.core.creation.survey import Survey, look
from init_slate_db.core.embedded import SUPERUSER, Cluster, find_binaries
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.findings import Finding, raise_any
from init_slate_db.core.options import ConnectionOptions
from init_slate_db.core.sql_files import read_objects_with_roles
from init_slate_db.options import PROGRAM, Options

_logger = logging.getLogger(__name__)

_ROLE_FACTS = """
SELECT r.rolname, r.rolsuper, r.rolcreaterole,
       ARRAY(SELECT e.rolname::text FROM pg_roles AS e WHERE e.rolname = ANY (%(roles)s)) AS existing,
       EXISTS (SELECT FROM pg_roles AS o
               WHERE o.rolname = %(owner)s AND NOT pg_has_role(o.oid, 'USAGE')
                 -- Whoever may grant the role joins it; up to 15 that is who may create roles, too.
                 AND NOT pg_has_role(o.oid, 'USAGE WITH ADMIN OPTION')
                 AND NOT (r.rolcreaterole AND current_setting('server_version_num')::integer < 160000)) AS stranger
FROM pg_roles AS r WHERE r.rolname = current_user
"""


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
        findings = _look(target.server, options).findings
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
        survey = _look(target.server, options)
        raise_any(survey.findings)
        place = f"{host}:{port} as {user} (PostgreSQL {version})"
        _logger.info('Creating %s database "%s" on %s.', options.table_type, options.name, place)
        plan = make_plan(
            options.name,
            options.table_type,
            roles=options.roles,
            locale=survey.locale,
            partition_size=options.partition_size,
            snapshots=options.snapshots,
        )
        Installation(plan, target.server, target.parameters, target.options).run(survey.leftovers)
    _logger.info('Created %s database "%s".', options.table_type, options.name)
    if cluster:
        _logger.info("Its server goes on running. To stop it: kill -INT %d", cluster.pid)
    write_result(conninfo.uri(host, port, user, options.name, str(cluster.pgpass) if cluster else None))


def _look(server: Connection, options: Options) -> Survey:
    survey = look(server, options.name, options.table_type)
    too_old = survey.findings[0].against
    if too_old or not options.roles:
        return survey
    return replace(survey, findings=(*survey.findings, *_look_at_roles(server, options.roles)))


def _look_at_roles(server: Connection, prefix: str) -> list[Finding]:
    """Whether the roles of the prefix can be had. Writes nothing."""
    names = role_names(prefix)
    with server_errors("say which roles it has"):
        row = server.execute(_ROLE_FACTS, {"roles": list(names.values()), "owner": names["owner"]}).fetchone()
    assert row
    user, superuser, may_create, existing, stranger = row
    there, missing = (
        [names[role] for role in ROLES if (names[role] in existing) is is_there] for is_there in (True, False)
    )
    findings = [_fitness(server, names, there)] if there else []
    if missing:
        findings.append(_right(user, ", ".join(missing), may_create=superuser or may_create))
    if stranger:
        findings.append(_stranger(user, names["owner"]))
    return findings


def _fitness(server: Connection, names: dict[str, str], there: list[str]) -> Finding:
    """Whether the roles that exist already fit: asked of the server with the statement that creation uses."""
    (check,) = (item for item in read_objects_with_roles("destination") if item.name == "unfit")
    try:
        with server_errors("say which rights its roles have"):
            server.execute(fill_in(check.sql, names).encode())
    except SlateError as error:
        cause = error.__cause__
        if not isinstance(cause, psycopg.Error) or cause.sqlstate not in ("SL050", "SL051"):
            raise
        text = cause.diag.message_primary or ""
        why = "A role of such rights would open the database to more than it is to."
        return Finding(text, SlateError("server-error", f"{text}.", why=why, hint=error.hint))
    return Finding(f"existing roles fit: {', '.join(there)}")


def _right(user: str, missing: str, *, may_create: bool) -> Finding:
    if may_create:
        return Finding(f'role "{user}" may create roles {missing}')
    return Finding(
        f'role "{user}" may not create roles',
        SlateError(
            "no-right",
            f'Role "{user}" may not create the roles {missing}.',
            hint=f'Use another role, or have a superuser run: ALTER ROLE "{user}" CREATEROLE',
        ),
    )


def _stranger(user: str, owner: str) -> Finding:
    text = f'role "{user}" is not a member of role "{owner}"'
    hint = f'Use another role, or have a superuser run: GRANT "{owner}" TO "{user}"'
    return Finding(text, SlateError("no-right", f"R{text[1:]}, so it cannot give it the database.", hint=hint))


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
    connecting = connect if "dbname" in parameters else connect_server
    return _Target(connecting(parameters, connection), parameters, connection)
