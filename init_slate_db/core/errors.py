"""The one error that a command ends with, the table of its codes, and the exit statuses."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command tells the shell. The same for all commands."""

    DONE = 0
    FAILED = 1
    BAD_OPTIONS = 2
    DIFFERENT = 3
    REFUSED = 4
    INTERRUPTED = 130


EXIT_STATUS_MEANINGS = {
    ExitStatus.DONE: "done",
    ExitStatus.FAILED: "failed",
    ExitStatus.BAD_OPTIONS: "the options are wrong",
    ExitStatus.DIFFERENT: "differences or drift found",
    ExitStatus.REFUSED: "refused: a safety check says no",
    ExitStatus.INTERRUPTED: "interrupted",
}

ERROR_CODES = {
    "archive-changed": ExitStatus.REFUSED,
    "archive-damaged": ExitStatus.REFUSED,
    "archive-exists": ExitStatus.REFUSED,
    "archive-incomplete": ExitStatus.REFUSED,
    "archive-missing": ExitStatus.REFUSED,
    "archive-unfit": ExitStatus.REFUSED,
    "backup-fed": ExitStatus.REFUSED,
    "backups-disagree": ExitStatus.REFUSED,
    "bad-options": ExitStatus.BAD_OPTIONS,
    "bad-patches": ExitStatus.REFUSED,
    "bootstrap-blocked": ExitStatus.REFUSED,
    "cluster-unfit": ExitStatus.REFUSED,
    "connection-failed": ExitStatus.FAILED,
    "connection-lost": ExitStatus.FAILED,
    "database-exists": ExitStatus.FAILED,
    "database-missing": ExitStatus.FAILED,
    "dblink-missing": ExitStatus.FAILED,
    "delta-failed": ExitStatus.FAILED,
    "delta-impossible": ExitStatus.FAILED,
    "delta-missing": ExitStatus.DIFFERENT,
    "delta-pending": ExitStatus.REFUSED,
    "delta-refused": ExitStatus.REFUSED,
    "delta-undecided": ExitStatus.REFUSED,
    "delta-unproven": ExitStatus.FAILED,
    "delta-wrong": ExitStatus.DIFFERENT,
    "destination-busy": ExitStatus.REFUSED,
    "disk-full": ExitStatus.FAILED,
    "drift": ExitStatus.DIFFERENT,
    "embedded-failed": ExitStatus.FAILED,
    "embedded-missing": ExitStatus.FAILED,
    "file-not-written": ExitStatus.FAILED,
    "invalid-backup": ExitStatus.REFUSED,
    "invalid-index": ExitStatus.REFUSED,
    "invalid-source": ExitStatus.REFUSED,
    "lands-elsewhere": ExitStatus.REFUSED,
    "lock-held": ExitStatus.FAILED,
    "lock-not-had": ExitStatus.FAILED,
    "name-taken": ExitStatus.REFUSED,
    "no-connections-left": ExitStatus.FAILED,
    "no-consent": ExitStatus.REFUSED,
    "no-right": ExitStatus.FAILED,
    "no-server": ExitStatus.FAILED,
    "no-such-host": ExitStatus.FAILED,
    "no-such-object": ExitStatus.FAILED,
    "no-such-snapshot": ExitStatus.FAILED,
    "no-such-user": ExitStatus.FAILED,
    "node-behind": ExitStatus.FAILED,
    "not-a-descendant": ExitStatus.REFUSED,
    "not-a-destination": ExitStatus.REFUSED,
    "not-a-prefix": ExitStatus.REFUSED,
    "not-an-event-store": ExitStatus.REFUSED,
    "not-connected": ExitStatus.FAILED,
    "not-on-record": ExitStatus.REFUSED,
    "not-prepared": ExitStatus.REFUSED,
    "not-replicating": ExitStatus.REFUSED,
    "nothing-to-resume": ExitStatus.REFUSED,
    "nothing-to-roll-back": ExitStatus.REFUSED,
    "other-backup": ExitStatus.REFUSED,
    "parent-unclear": ExitStatus.REFUSED,
    "password-needed": ExitStatus.FAILED,
    "patch-failed": ExitStatus.FAILED,
    "patch-unclear": ExitStatus.REFUSED,
    "patches-refused": ExitStatus.REFUSED,
    "path-changed": ExitStatus.REFUSED,
    "plan-changed": ExitStatus.REFUSED,
    "pooler": ExitStatus.REFUSED,
    "read-only": ExitStatus.FAILED,
    "recovery-running": ExitStatus.REFUSED,
    "recovery-unfinished": ExitStatus.REFUSED,
    "release-blocked": ExitStatus.REFUSED,
    "release-exists": ExitStatus.REFUSED,
    "release-missing": ExitStatus.REFUSED,
    "releases-busy": ExitStatus.REFUSED,
    "report-failed": ExitStatus.FAILED,
    "rollback-failed": ExitStatus.FAILED,
    "rollback-refused": ExitStatus.REFUSED,
    "same-database": ExitStatus.REFUSED,
    "scratch-refused": ExitStatus.REFUSED,
    "server-error": ExitStatus.FAILED,
    "server-too-old": ExitStatus.FAILED,
    "shape-differs": ExitStatus.REFUSED,
    "slonik-failed": ExitStatus.FAILED,
    "slonik-missing": ExitStatus.REFUSED,
    "snapshot-needed": ExitStatus.REFUSED,
    "snapshots-busy": ExitStatus.REFUSED,
    "sources-failed": ExitStatus.FAILED,
    "sources-refused": ExitStatus.REFUSED,
    "system-error": ExitStatus.FAILED,
    "target-missing": ExitStatus.REFUSED,
    "target-not-new": ExitStatus.REFUSED,
    "tests-failed": ExitStatus.FAILED,
    "timed-out": ExitStatus.FAILED,
    "turn-taken": ExitStatus.FAILED,
    "version-exists": ExitStatus.REFUSED,
    "version-unknown": ExitStatus.REFUSED,
    "way-to-backup": ExitStatus.REFUSED,
    "way-to-source": ExitStatus.REFUSED,
    "wrong-password": ExitStatus.FAILED,
}


class SlateError(Exception):
    """What failed, with the value; why; and what to do next.

    :param code: a key of ERROR_CODES, for callers to match on.
    :param what: the sentence that says what failed.
    :param why: the cause, often in the server's own words.
    :param hint: what the user can do next.
    """

    def __init__(self, code: str, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.code = code
        self.exit_status = ERROR_CODES[code]
        self.what = what
        self.why = why
        self.hint = hint
