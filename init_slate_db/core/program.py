"""The frame around a command: signals, errors and the exit status."""

import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from init_slate_db.core.console import log_error
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import LogOptions

_logger = logging.getLogger(__name__)


def run(command: Callable[[], ExitStatus], options: LogOptions) -> ExitStatus:
    """Runs a command and turns what it raises into an exit status. SIGTERM is taken as Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = command()
        sys.stdout.flush()
    except SlateError as error:
        log_error(error, options)
        return error.exit_status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. Python flushes again at exit, which must find somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.DONE
    except OSError as error:
        _logger.error("%s", error, exc_info=options.verbosity >= 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.FAILED
    return status


def _interrupt(signal_number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
