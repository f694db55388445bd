"""Applies a concurrent patch to a node, statement by statement, so that a rerun knows how far it got."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import psycopg
from psycopg import sql

from init_slate_db.core.connection import Connection
from init_slate_db.core.errors import SlateError
from versioning.masking import first_line
from versioning.migrations import ledger
from versioning.migrations.apply import is_lost, told_errors
from versioning.migrations.cluster import Node, Session
from versioning.migrations.interrupted import Verdict, builds_index, find_builder, judge
from versioning.migrations.ledger import Row
from versioning.migrations.locks import with_patience
from versioning.migrations.patches import Number, Patch
from versioning.migrations.running import PatchError, run_statement
from versioning.migrations.sessions import CHECK
from versioning.migrations.statements import Statement, split
from versioning.migrations.telling import told_as_it_goes

Truth = Literal["done", "again"]

_logger = logging.getLogger(__name__)

# active_sql_transaction, and invalid_transaction_termination of a procedure that commits.
_NOT_IN_TRANSACTION = {"25001", "2D000"}
# An index that is being built waits for others, and is lost where that ends it; nor is it to end with its client.
_UNBOUNDED = "SET lock_timeout = 0; SET client_connection_check_interval = 0"
# What the patch has set itself stands.
_BOUNDED = (
    "SELECT pg_catalog.set_config('lock_timeout', '{}', true) WHERE pg_catalog.current_setting('lock_timeout') = '0'"
)


@dataclass
class Mending:
    """What the operator allows and says. repair: invalid indexes may be dropped and built again.

    truths: of patches of which a statement was begun and nobody can tell what became of it; each is used once.
    """

    repair: bool = False
    truths: dict[Number, Truth] = field(default_factory=dict)


def apply_concurrent(node: Node, patch: Patch, row: Row | None, session: Session, mending: Mending) -> None:
    """Applies what is left of the patch.

    :param row: what the node's ledger has of it.
    :raises SlateError: patch-failed, invalid-index, patch-unclear, lock-not-had, or what becomes of the connection.
    """
    work = _Work(node, patch, session, mending)
    outcome = "The statements before it are done; the next run goes on with this one."
    with told_errors(node, f"apply patch {patch.label} on {node.name}", outcome):
        work.begin(row)
        if row and row.begun:
            work.resume(row.begun)
        while work.done < len(work.statements):
            work.take_next()
        work.note(ledger.end_text(patch))


class _Work:
    """One concurrent patch on one node. done: how many statements are."""

    def __init__(self, node: Node, patch: Patch, session: Session, mending: Mending) -> None:
        self.statements = split(patch.text)
        self.done = 0
        self._node = node
        self._patch = patch
        self._session = session
        self._mending = mending
        self._connection: Connection = session.connection(node)

    @property
    def _next(self) -> Statement:
        return self.statements[self.done]

    def begin(self, row: Row | None) -> None:
        """Adds the row, or makes the session what it was when the run was interrupted."""
        self._connection.execute(self._session.fresh[self._node.name].encode())
        if row is None:
            self._patiently(lambda: self.note(ledger.begin_text(self._patch, self._session.origin)))
        self._connection.execute(_UNBOUNDED.encode())
        self.done = row.done if row else 0
        for statement in self.statements[: self.done]:
            if statement.tokens[0] in {"SET", "RESET"}:
                run_statement(self._connection, self._patch, statement)

    def resume(self, begun: str) -> None:
        """Finds out what became of the statement that was begun, and takes it from there."""
        truth = self._mending.truths.pop(self._patch.number, None)
        is_past = self.done >= len(self.statements)
        if truth is None and (is_past or begun != self._next.text):
            raise self._unclear(begun, "the file has another statement there now")
        if is_past:
            self.note(ledger.unmark_text(self._patch, self.done))
            return
        if truth == "done":
            self._step_alone()
            return
        verdict = judge(self._connection, self._next)
        if verdict.state == "done":
            _logger.info("%s: what was begun is done: %s", self._node.name, self._next.first_line)
            self._step_alone()
        elif verdict.finish:
            self._connection.execute(verdict.finish.encode())
            self._step_alone()
        elif verdict.state == "unclear" and truth is None:
            raise self._unclear(begun, "the catalog does not tell")
        else:
            self._run_outside(verdict)

    def take_next(self) -> None:
        """Runs the next statement, with its step in the ledger in one transaction where the server allows that."""
        try:
            self._patiently(self._run_inside)
        except PatchError as failure:
            if failure.error.sqlstate not in _NOT_IN_TRANSACTION:
                raise
            self._run_outside(judge(self._connection, self._next) if builds_index(self._next) else None)
            return
        self.done += 1

    def note(self, *texts: str) -> None:
        """Writes to the ledger, in a transaction of its own, as the role that the run began as."""
        with self._connection.transaction():
            self._as_ourselves()
            for text in texts:
                ledger.move(self._connection, text)

    def _run_inside(self) -> None:
        with self._connection.transaction():
            self._connection.execute(_BOUNDED.format(self._session.patience.timeout).encode())
            if CHECK in self._session.fresh[self._node.name]:
                self._connection.execute(CHECK.replace("SET", "SET LOCAL").encode())
            run_statement(self._connection, self._patch, self._next)
            self._as_ourselves()
            ledger.move(self._connection, self._step_text())

    def _run_outside(self, before: Verdict | None) -> None:
        """Runs the next statement between its marks.

        :param before: what the database says of it already; None: nothing is known.
        """
        if before and before.invalid:
            self._remove_invalid(before.invalid)
        # An index of this name that was valid before is not this patch's; the server says so, or passes it over.
        if not (before and before.state == "done"):
            self.note(ledger.mark_text(self._patch, self.done, self._next.text))
        what = f"{self._node.name}: statement {self.done + 1} of {len(self.statements)} of {self._patch.label}"
        watch = self._session.watch[self._node.name]
        try:
            with told_as_it_goes(what, watch, self._connection.info.backend_pid):
                run_statement(self._connection, self._patch, self._next)
        except PatchError as failure:
            if not is_lost(failure.error):
                self._explain(failure)
            raise
        except KeyboardInterrupt:
            self._tidy()
            raise
        self._step_alone()

    def _tidy(self) -> None:
        """Leaves nothing half made of an index whose build the user interrupts, where that takes no waiting."""
        if not builds_index(self._next):
            return
        try:
            self._connection.execute("SET lock_timeout = '2s'")
            for index in judge(self._connection, self._next).invalid:
                self._connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}".encode())
            if judge(self._connection, self._next).state == "again":
                self.note(ledger.unmark_text(self._patch, self.done))
        except (psycopg.Error, ledger.LedgerMovedError) as error:
            # The mark stays, and the next run names the index.
            _logger.warning("%s: the index is left half built: %s", self._node.name, str(error).partition("\n")[0])

    def _explain(self, failure: PatchError) -> None:
        """Unmarks a statement of which nothing is left; else says what is.

        :raises SlateError: invalid-index.
        """
        verdict = judge(self._connection, self._next)
        if verdict.invalid:
            diag = failure.error.diag
            detail = f" {diag.message_detail}" if diag.message_detail else ""
            why = f"{diag.message_primary} (SQLSTATE {failure.error.sqlstate}).{detail}"
            raise self._invalid(verdict.invalid, why) from None
        # What commits by itself may have done so before it failed.
        if not verdict.has_traces and self._next.tokens[0] not in {"CALL", "DO"}:
            self.note(ledger.unmark_text(self._patch, self.done))

    def _remove_invalid(self, indexes: tuple[str, ...]) -> None:
        if not self._mending.repair:
            raise self._invalid(indexes, "A build of it did not end.")
        for index in indexes:
            if pid := find_builder(self._connection, index):
                raise self._invalid(indexes, f"Process {pid} is building an index on its table now.")
            _logger.warning("%s: dropping the invalid index %s, to build it again.", self._node.name, index)
            self._connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}".encode())

    def _step_alone(self) -> None:
        self.note(self._step_text())
        self.done += 1

    def _step_text(self) -> str:
        return ledger.step_text(self._patch, self.done, [one.text for one in self.statements[: self.done + 1]])

    def _as_ourselves(self) -> None:
        role = sql.Identifier(self._session.origin.role)
        self._connection.execute(sql.SQL("SET LOCAL ROLE {}").format(role))

    def _patiently(self, action: Callable[[], None]) -> None:
        with_patience(f"apply patch {self._patch.label}", self._node, self._session, action)

    def _where(self) -> str:
        statement = self._next
        return f"{self._patch.path.name}, line {statement.line}: {statement.first_line}"

    def _invalid(self, indexes: tuple[str, ...], why: str) -> SlateError:
        return SlateError(
            "invalid-index",
            f"Patch {self._patch.label} left an invalid index on {self._node.name}: {', '.join(indexes)}.",
            why=f"{why}\n  {self._where()}",
            hint="Add --repair to have it dropped and built again, once the reason is gone.",
        )

    def _unclear(self, begun: str, why: str) -> SlateError:
        number = self._patch.label
        return SlateError(
            "patch-unclear",
            f"Nobody can tell whether a statement of patch {number} was done on {self._node.name}.",
            why=f"An interrupted run had begun it, and {why}: {first_line(begun)}",
            hint=f"Look, then say what is true: --resolve {number}=done, or --resolve {number}=again to run it again.",
        )
