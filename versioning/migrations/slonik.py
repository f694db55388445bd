"""Runs Slony's own program, slonik, which puts a script into the stream of events."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

import psycopg
from psycopg import pq

from init_slate_db.core.conninfo import Parameters
from init_slate_db.core.errors import SlateError
from versioning import PROGRAM
from versioning.migrations import ledger
from versioning.migrations.cluster import LockPatience, Origin
from versioning.migrations.patches import Patch

# slonik takes fewer than a thousand statements in one script.
_MOST_STATEMENTS = 500
# slonik puts its own values in their place, also within strings.
_TOKENS = re.compile("@(?=CLUSTERNAME@|NAMESPACE@|MODULEVERSION@)")
_BLOCK = """
DECLARE
  slate_path text := pg_catalog.current_setting('search_path');
  slate_strings text := pg_catalog.current_setting('standard_conforming_strings');
BEGIN
{body}
  PERFORM pg_catalog.set_config('standard_conforming_strings', slate_strings, true);
END""".strip()
_MESSAGE = re.compile(r"^.*\] - \S+ ?: +(.*?)\s*$", re.MULTILINE)
_IN_THE_WAY = ("canceling statement due to lock timeout", "deadlock detected")
_TAKEN = 'unique constraint "patch_pkey"'


def find_slonik() -> str:
    """The path of the program.

    :raises SlateError: slonik-missing.
    """
    found = shutil.which("slonik")
    if not found:
        raise SlateError(
            "slonik-missing",
            "The program slonik is not on this machine, or not on the PATH.",
            why="Patches of type std go through it, so that every node gets them at one point of the event stream.",
            hint="Install it (Debian: slony1-2-bin), of the version that the cluster runs, or run the command where"
            " it is. Nothing was changed.",
        )
    return found


def execute_script(
    cluster: str, number: int, parameters: Parameters, script: str, patience: LockPatience
) -> "subprocess.CompletedProcess[str]":
    """Has slonik run the script on a node, in one transaction. It goes to its subscribers with the next event.

    :param cluster: the name of the Slony cluster.
    :param number: of the node, which is the origin of the sets.
    :param parameters: what leads to the node.
    :raises psycopg.errors.LockNotAvailable: a lock was not had in time; nothing of it was done.
    """
    with tempfile.TemporaryFile() as file:
        # A file without a name: nothing is left of it, whatever ends the command.
        file.write(script.encode())
        file.flush()
        commands = (
            f"cluster name = {cluster};\n"
            # What leads there stands in the environment, which needs no quoting and which other users cannot read.
            f"node {number} admin conninfo = 'client_encoding=UTF8';\n"
            f"execute script (filename = '/dev/fd/{file.fileno()}', event node = {number});\n"
        )
        ended = subprocess.run(
            [find_slonik()],
            input=commands,
            env=_environment(parameters, patience),
            pass_fds=[file.fileno()],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    said = read_message(ended)
    if ended.returncode and any(words in said for words in _IN_THE_WAY):
        raise psycopg.errors.LockNotAvailable(said)
    if ended.returncode and _TAKEN in said:
        raise ledger.LedgerMovedError
    return ended


def read_message(ended: "subprocess.CompletedProcess[str]") -> str:
    """What slonik said went wrong, on one line."""
    text = ended.stderr + ended.stdout
    # Before the server's words, in whatever language, slonik repeats the whole script, which nobody is to see.
    found = _MESSAGE.findall(text)
    lines = found[-1:] or text.strip().splitlines()[-1:]
    return lines[0] if lines else f"exit status {ended.returncode}, no word"


def make_script(patches: Sequence[Patch], origin: Origin) -> str:
    """The script for the patches, each between the statements of its row in the ledger.

    slonik looks for the ends of statements in a way that a division, a lone quote or a body in standard SQL misleads.
    So it gets blocks in dollar quotes, which it reads well.
    """
    size = -(-len(patches) // _MOST_STATEMENTS)
    parts = [patches[begin : begin + size] for begin in range(0, len(patches), size)]
    return "\n".join(_make_block(part, origin) for part in parts) + "\n"


def _make_block(patches: Sequence[Patch], origin: Origin) -> str:
    lines = []
    for patch in patches:
        lines += [
            # slon works with this setting off, which makes other strings of the same text.
            "PERFORM pg_catalog.set_config('standard_conforming_strings', 'on', true);",
            f"EXECUTE {_literal(ledger.begin_text(patch, origin))};",
            f"EXECUTE {_literal(patch.text)};",
            # What a patch sets for its transaction is no business of the next one, nor of the events behind it.
            "PERFORM pg_catalog.set_config('search_path', slate_path, true);",
            f"EXECUTE {_literal(ledger.end_text(patch))};",
        ]
    body = "\n".join(lines)
    tag = _tag("slate", body)
    return f"DO {tag}\n{_BLOCK.format(body=body)}\n{tag};"


def _literal(text: str) -> str:
    """The text as a string, with a line end behind it, in dollar quotes."""
    tag = _tag("patch", text)
    # No token stands there as a whole.
    return f"{tag}{_TOKENS.sub(f'@{tag} || {tag}', text)}\n{tag}"


def _tag(word: str, text: str) -> str:
    number = 0
    while f"${word}{number or ''}$" in text:
        number += 1
    return f"${word}{number or ''}$"


def _environment(parameters: Parameters, patience: LockPatience) -> dict[str, str]:
    """An environment in which libpq finds the way to the node by itself."""
    known = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    named = {
        variable.decode(): str(parameters[keyword])
        for keyword, variable in known.items()
        if variable and keyword in parameters
    }
    options = f"{parameters.get('options') or os.environ.get('PGOPTIONS', '')} -c statement_timeout=0"
    limits = f"{options} -c idle_in_transaction_session_timeout=0 -c lock_timeout={patience.timeout}"
    return dict(os.environ) | named | {"PGOPTIONS": limits.strip(), "PGAPPNAME": PROGRAM}
