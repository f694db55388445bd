"""What differs from the model of rights: roles, owners, grants and default privileges."""

from collections.abc import Iterator

from init_slate_db.core.creation.plan import quote_name
from versioning.check.code import code_differences, guarded_functions
from versioning.check.facts import PUBLIC, Facts, Grant, Thing
from versioning.check.mending import Difference, on, role_sql, told
from versioning.check.model import Model

_ATTRIBUTES = {
    "login": "LOGIN",
    "superuser": "SUPERUSER",
    "createdb": "CREATEDB",
    "createrole": "CREATEROLE",
    "replication": "REPLICATION",
    "bypassrls": "BYPASSRLS",
}
_OWNERS_OWN = {
    "database": ("CONNECT", "CREATE", "TEMPORARY"),
    "schema": ("CREATE", "USAGE"),
    "table": ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"),
    "function": ("EXECUTE",),
}
_DEFAULT_KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS", "L": "LARGE OBJECTS"}


def find_differences(facts: Facts, model: Model) -> list[Difference]:
    """All differences, in an order in which their commands can be run one after the other."""
    return [
        *_roles(facts, model),
        *_memberships(facts, model),
        *code_differences(facts, model),
        *_owners(facts, model),
        *_extra_grants(facts, model),
        *_missing_grants(facts, model),
        *_defaults(facts, model),
    ]


def _roles(facts: Facts, model: Model) -> Iterator[Difference]:
    for name in model.roles.values():
        role = facts.roles.get(name)
        if role is None:
            yield Difference("role", f'role "{name}" is missing', f"CREATE ROLE {quote_name(name)} NOLOGIN;")
            continue
        attributes = [word for attribute, word in _ATTRIBUTES.items() if getattr(role, attribute)]
        commands = [f"NO{word}" for word in attributes]
        if not role.inherit:
            attributes.append("NOINHERIT")
            commands.append("INHERIT")
        if attributes:
            mend = f"ALTER ROLE {quote_name(name)} {' '.join(commands)};"
            yield Difference("role", f'role "{name}" has {", ".join(attributes)}', mend)


def _memberships(facts: Facts, model: Model) -> Iterator[Difference]:
    owner, recoverer = model.owner, model.roles["recoverer"]
    five = set(model.roles.values())
    joined = False
    for one in facts.memberships:
        if one.member not in five or one.group == "pg_database_owner":
            continue
        if (one.group, one.member) != (owner, recoverer):
            mend = f"REVOKE {quote_name(one.group)} FROM {quote_name(one.member)} CASCADE;"
            yield Difference("membership", f'role "{one.member}" is a member of "{one.group}"', mend)
        elif one.admin:
            mend = f"REVOKE ADMIN OPTION FOR {quote_name(owner)} FROM {quote_name(recoverer)} CASCADE;"
            yield Difference("membership", f'role "{recoverer}" may give "{owner}" to others', mend)
            joined = joined or (one.inherit and one.set)
        else:
            joined = joined or (one.inherit and one.set)
    if not joined:
        options = " WITH INHERIT TRUE, SET TRUE" if facts.version >= 160000 else ""
        mend = f"GRANT {quote_name(owner)} TO {quote_name(recoverer)}{options};"
        # Where the role itself does not inherit, that is told, and mended, already.
        role = facts.roles.get(recoverer)
        if facts.version >= 160000 or role is None or role.inherit:
            yield Difference("membership", f'role "{recoverer}" does not have the rights of "{owner}"', mend)


def _owned(facts: Facts, model: Model) -> list[Thing]:
    """What the owner is to own, as far as it is there."""
    return [thing for thing in (*model.owned, *guarded_functions(facts, model)) if thing in facts.owners]


def _owners(facts: Facts, model: Model) -> Iterator[Difference]:
    for thing in _owned(facts, model):
        owner = facts.owners[thing]
        if owner != model.owner:
            mend = f"ALTER {on(thing)} OWNER TO {quote_name(model.owner)};"
            yield Difference("owner", f'{thing.kind} {thing.name} belongs to role "{owner}"', mend)


def _extra_grants(facts: Facts, model: Model) -> Iterator[Difference]:
    # What dblink leads to is more than the database, so its functions are not the owner's.
    of_extension = {one.thing for one in facts.functions if one.of_extension}
    watched = {*_owned(facts, model), *(thing for thing in of_extension if thing.name.startswith("public.dblink"))}
    for grant in sorted(facts.grants, key=lambda one: (on(one.thing), one.grantee, one.column, one.privilege)):
        if not _concerns(grant, facts, model, watched, of_extension):
            continue
        expected = (grant.thing, grant.privilege, grant.grantee) in model.grants and not grant.column
        if expected and not grant.grantable:
            continue
        right = f"{grant.privilege} ({quote_name(grant.column)})" if grant.column else grant.privilege
        place = f"{grant.thing.kind} {grant.thing.name}"
        if expected:
            what = f"{told(grant.grantee)} may pass on {right} on {place}"
            right = f"GRANT OPTION FOR {right}"
        else:
            what = f"{told(grant.grantee)} has {right} on {place}"
        mend = f"REVOKE {right} ON {on(grant.thing)} FROM {role_sql(grant.grantee)} CASCADE;"
        yield Difference("grant", what, mend)


def _concerns(grant: Grant, facts: Facts, model: Model, watched: set[Thing], of_extension: set[Thing]) -> bool:
    """Whether the model has a say on a right: none on those of the owner in what is, or is to be, its own."""
    thing = grant.thing
    if thing.kind == "parameter" or grant.grantee == facts.owners.get(thing):
        return False
    if grant.grantee == model.owner and thing not in of_extension:
        return False
    # What users have added is theirs to give, but not to everybody.
    return thing in watched or (grant.grantee == PUBLIC and facts.owners.get(thing) == model.owner)


def _missing_grants(facts: Facts, model: Model) -> Iterator[Difference]:
    there = {(grant.thing, grant.privilege, grant.grantee) for grant in facts.grants if not grant.column}
    expected = list(model.grants)
    for thing in _owned(facts, model):
        # Of what belongs to somebody else, the owner's rights move along with ALTER … OWNER TO.
        expected += [(thing, privilege, facts.owners[thing]) for privilege in _OWNERS_OWN[thing.kind]]
        if thing.kind == "table" and facts.version >= 170000:
            expected.append((thing, "MAINTAIN", facts.owners[thing]))
    for thing, privilege, role in sorted(set(expected) - there, key=lambda one: (on(one[0]), one[1], one[2])):
        mend = f"GRANT {privilege} ON {on(thing)} TO {quote_name(_heir(role, thing, facts, model))};"
        yield Difference("grant", f"{told(role)} lacks {privilege} on {thing.kind} {thing.name}", mend)


def _heir(role: str, thing: Thing, facts: Facts, model: Model) -> str:
    """Who is to have what the thing's owner lacks."""
    return model.owner if role == facts.owners.get(thing) else role


def _defaults(facts: Facts, model: Model) -> Iterator[Difference]:
    owner = quote_name(model.owner)
    own = [row for row in facts.defaults if row[0] == model.owner]
    functions = [row for row in own if row[1] == "" and row[2] == "f"]
    if not functions or any(grantee == PUBLIC for *_, grantee, _ in functions):
        mend = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
        yield Difference("default", f'functions that role "{model.owner}" makes will be PUBLIC\'s', mend)
    for _, schema, kind, grantee, privilege in own:
        if not privilege or grantee == model.owner or (grantee == PUBLIC and (schema, kind) == ("", "f")):
            continue
        if grantee == PUBLIC and (schema, kind, privilege) == ("", "T", "USAGE"):
            continue
        where = f" IN SCHEMA {quote_name(schema)}" if schema else ""
        things = _DEFAULT_KINDS.get(kind, kind)
        what = (
            f'{told(grantee)} will have {privilege} on {things.lower()} that role "{model.owner}" makes{where.lower()}'
        )
        mend = (
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}{where} REVOKE {privilege} ON {things} FROM {role_sql(grantee)};"
        )
        yield Difference("default", what, mend)
