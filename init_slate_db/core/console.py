"""What a command says: results on standard output, all else as log lines on standard error."""

import io
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from init_slate_db.core.errors import SlateError
from init_slate_db.core.options import LogOptions

_LEVELS = {-1: logging.WARNING, 0: logging.INFO, 1: logging.DEBUG, 2: logging.DEBUG}
_PACKAGES = ("init_slate_db", "recovery", "replication", "versioning")
_logger = logging.getLogger(__name__)


class _TextFormatter(logging.Formatter):
    """The message alone; from a warning on, its level goes before it."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"{record.levelname.lower()}: {text}" if record.levelno >= logging.WARNING else text


def configure_logging(options: LogOptions) -> None:
    """Sends the log lines of our packages to standard error, as the options ask. Only commands call this."""
    handler = logging.StreamHandler(sys.stderr)
    if options.format == "json":
        handler.setFormatter(_json_formatter())
    else:
        handler.setFormatter(_TextFormatter("%(message)s"))
    for package in _PACKAGES:
        logger = logging.getLogger(package)
        logger.handlers = [handler]
        logger.setLevel(_LEVELS[options.verbosity])
        logger.propagate = False


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )


def write_result(text: str) -> bool:
    """Writes a line, or several, of the command's result to standard output, whatever encoding that has.

    :return: whether somebody reads it. Where nobody does any more, a command that is not endless goes on all the same:
        its exit status is a result, too.
    """
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        drop_results()
        return False
    return True


def drop_results() -> None:
    """Writes them to nowhere from now on. Python flushes once more at its end, which must find somewhere to write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_question(text: str) -> None:
    """Writes lines to standard error that a person has to see before answering, however quiet the log is."""
    sys.stderr.write(text + "\n")


def log_error(error: SlateError, options: LogOptions) -> None:
    """Tells of an error: what, why, what to do next."""
    fields: Mapping[str, Any] = {"code": error.code, "why": error.why, "hint": error.hint}
    text = error.what
    if options.format == "text":
        text += f"\n  {error.why}" if error.why else ""
        text += f"\n  {error.hint}" if error.hint else ""
    _logger.error(text, extra=dict(fields), exc_info=error if options.verbosity >= 2 else None)
