"""Names as DDL has them."""

import re


def split_name(name: str) -> tuple[str, str]:
    """The schema and the rest of a qualified name, both as DDL has them."""
    if name.startswith('"'):
        end = name.index('"', 1)
        while name[end + 1 : end + 2] == '"':
            end = name.index('"', end + 2)
        return name[: end + 1], name[end + 2 :]
    schema, _, rest = name.partition(".")
    return schema, rest


def unquote(name: str) -> str:
    """What a name, quoted or not, stands for."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def quote_name(name: str) -> str:
    """A name as DDL has it; quoted where it may have to be."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
