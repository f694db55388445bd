"""What a folder of files makes: the script of one schema."""

from dataclasses import dataclass
from pathlib import Path

from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import sentence
from versioning.releases.naming import Version, as_identifier, fault_of_length
from versioning.releases.renaming import Renaming
from versioning.releases.script import Script, Step, describe, read_script, refuse_leftovers
from versioning.releases.sources import Source, digest, read_sources
from versioning.releases.template import Api, read_api

# PostgreSQL gives everybody the right to call a function that is made.
_CLOSING = """
RESET ROLE;
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA {schema} FROM PUBLIC;
"""


@dataclass(frozen=True)
class SchemaPlan:
    """The schema that is made, by which script, from which files. warnings: what deserves a look."""

    api: Api
    schema: str
    renaming: Renaming | None
    script: Script
    digest: str
    files: int
    warnings: tuple[str, ...] = ()

    def steps(self) -> list[str]:
        """The plan in words."""
        made = f"create schema {self.schema}"
        roles = [f"{made}, and what is missing of its roles"] if self.api.templated else []
        return [
            *roles,
            f"run {self.files} {'file' if self.files == 1 else 'files'}, {len(self.script.steps)} statements",
        ]


def make_plan(
    folder: Path, schema: str | None, version: Version | None, *, keep_public: bool, keep_strings: bool
) -> SchemaPlan:
    """Reads the files. version: None makes the schema without one, by the files as they are.

    :raises SlateError: sources-refused.
    """
    sources = read_sources(folder)
    api = read_api(folder.resolve().name, sources, schema)
    target = version.schema(api.base) if version else api.base
    if fault := fault_of_length(target):
        raise SlateError("sources-refused", sentence(fault), hint="Name another: --schema.")
    renaming = Renaming(api.base, target) if version else None
    script = read_script(api.sources, renaming)
    if not keep_strings:
        refuse_leftovers(script, api.base)
    warnings = tuple(describe(source, leftover, api.base) for source, leftover in script.leftovers)
    opening = () if api.templated else _added(f"SET search_path TO {as_identifier(target)}, public;\n")
    closing = () if keep_public else _added(_CLOSING.format(schema=as_identifier(target)))
    script = Script((*opening, *script.steps, *closing), script.leftovers)
    return SchemaPlan(api, target, renaming, script, digest(sources), len(sources), warnings)


def _added(text: str) -> tuple[Step, ...]:
    return read_script([Source("added to the files", text)]).steps
