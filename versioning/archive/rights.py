"""The items that comments, owners, grants and default privileges are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from init_slate_db.core.connection import Connection
from versioning.archive.catalog import rights
from versioning.archive.items import Item

Resolve = Callable[[int, int, int], str | None]
"""The identity of the item that an entry of the catalogs belongs to."""

# What has this comment and these owners in every new database.
_STANDARD_COMMENT = ("schema public", "standard public schema")
_DEFAULT_OBJECTS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS"}


@dataclass(frozen=True)
class Rights:
    """Reads them. items: what they are about, by identity. roles: names by oid, as DDL has them."""

    connection: Connection
    items: dict[str, Item]
    resolve: Resolve
    roles: dict[int, str]
    everything: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        rows = self.connection.execute(rights.ALL_PRIVILEGES.encode())
        object.__setattr__(self, "everything", dict(rows.fetchall()))

    def comments(self) -> Iterator[Item]:
        for class_oid, oid, subid, text, part in self.connection.execute(rights.COMMENTS.encode()):
            item = self.items.get(self.resolve(class_oid, oid, subid) or "")
            # An alias leads from a member of an extension to the extension, whose own comment comes with it.
            if item is None or not item.target or item.kind == "extension":
                continue
            if (item.identity, text) == _STANDARD_COMMENT:
                continue
            kind, _, name = (part or "").partition(" ")
            target = part or item.target
            yield Item(
                "comment",
                f"on {f'{kind.lower()} {name}' if part else item.identity}",
                "",
                f"COMMENT ON {target} IS {_literal(text)};",
                f"COMMENT ON {target} IS NULL;",
                item.identity,
                frozenset({item.identity}),
            )

    def owner(self, item: Item, role: int | None) -> Item | None:
        """The owner, where it is not the owner of the database, nor a role that is left out."""
        name = self.roles.get(role or 0, "CURRENT_ROLE")
        if role is None or name == "CURRENT_ROLE":
            return None
        make = f"ALTER {item.target} OWNER TO "
        needs = frozenset({item.identity})
        return Item("owner", f"of {item.identity}", "", f"{make}{name};", f"{make}CURRENT_ROLE;", item.identity, needs)

    def grants(self) -> Iterator[Item]:
        for row in self.connection.execute(rights.GRANTS.encode()):
            class_oid, oid, subid, kind, word, name, column, grantee, of_extension, *sets = row
            identity = self.resolve(class_oid, oid, subid)
            before, now = (sets[0], sets[1]), (sets[2], sets[3])
            if identity not in self.items or before == now or grantee not in self.roles:
                continue
            about = f"{word.lower()} {name}" if of_extension else identity
            whom = self.roles[grantee]
            needs = {identity} | (
                {f"grants on {identity.replace('column ', 'table ', 1).rpartition('.')[0]} to {whom}"}
                if column
                else set()
            )
            shown = [self._shorten(kind, one) for one in (*before, *now)]
            yield Item(
                "grants",
                f"on {about} to {whom}",
                "",
                "\n".join(_grants(f"{word} {name}", whom, shown[:2], shown[2:])),
                "\n".join(_grants(f"{word} {name}", whom, shown[2:], shown[:2])),
                identity,
                frozenset(needs),
            )

    def _shorten(self, kind: str, privileges: Sequence[str]) -> list[str]:
        """ALL, where it is all: versions differ in how many that are."""
        return ["ALL"] if privileges and sorted(privileges) == self.everything.get(kind) else list(privileges)

    def default_privileges(self) -> Iterator[Item]:
        found: dict[tuple[int, str | None, str, int], list[list[str]]] = {}
        for _, role, schema, kind, grantee, is_base, privilege, grantable in self.connection.execute(
            rights.DEFAULT_PRIVILEGES.encode()
        ):
            sets = found.setdefault((role, schema, kind, grantee), [[], [], [], []])
            sets[(0 if is_base else 2) + grantable].append(privilege)
        for (role, schema, kind, grantee), sets in found.items():
            shown = [self._shorten(kind.replace("S", "s"), sorted(one)) for one in sets]
            if shown[:2] == shown[2:] or not {role, grantee} <= self.roles.keys() or kind not in _DEFAULT_OBJECTS:
                continue
            giver, whom, objects = self.roles[role], self.roles[grantee], _DEFAULT_OBJECTS[kind]
            start = "ALTER DEFAULT PRIVILEGES"
            start += "" if giver == "CURRENT_ROLE" else f" FOR ROLE {giver}"
            start += f" IN SCHEMA {schema}" if schema else ""
            make = _grants(objects, whom, shown[:2], shown[2:])
            undo = _grants(objects, whom, shown[2:], shown[:2])
            name = f"of {giver} on {objects.lower()}{f' in schema {schema}' if schema else ''} to {whom}"
            yield Item(
                "default privileges",
                name,
                "",
                "\n".join(f"{start} {one}" for one in make),
                "\n".join(f"{start} {one}" for one in undo),
                f"schema {schema}" if schema else "",
                frozenset({f"schema {schema}"} if schema else ()),
            )


def _grants(target: str, whom: str, before: Sequence[list[str]], now: Sequence[list[str]]) -> list[str]:
    """What turns the one pair of privileges, without and with grant option, into the other."""
    made = []
    columns = [one for one in (*before[0], *before[1]) if "(" in one]
    if columns:
        made.append(f"REVOKE {', '.join(sorted(set(columns)))} ON {target} FROM {whom};")
    elif before[0] or before[1]:
        made.append(f"REVOKE ALL ON {target} FROM {whom};")
    if now[0]:
        made.append(f"GRANT {', '.join(now[0])} ON {target} TO {whom};")
    if now[1]:
        made.append(f"GRANT {', '.join(now[1])} ON {target} TO {whom} WITH GRANT OPTION;")
    return made


def _literal(text: str) -> str:
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def read_roles(connection: Connection, stand_in: str | None) -> dict[int, str]:
    """The names of roles by oid as DDL has them: the owner of the database is CURRENT_ROLE, 0 is PUBLIC.

    :param stand_in: a role that is left out where it is not the owner; None: the connection's own; "": none is.
    """
    return dict(connection.execute(rights.ROLES.encode(), (stand_in,)).fetchall())


def read_left_out(connection: Connection) -> list[str]:
    """The objects that the archive cannot hold."""
    return [name for (name,) in connection.execute(rights.LEFT_OUT.encode())]
