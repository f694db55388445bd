"""The frame around a command: signals, errors and the exit status."""

import argparse
import signal
from collections.abc import Callable, Sequence
from typing import NoReturn

from init_slate_db.core.console import configure_logging, drop_results, log_error
from init_slate_db.core.errors import ExitStatus, SlateError
from init_slate_db.core.options import Faults, LogOptions, OptionParser, read_log_options


def main(
    build_parser: Callable[[], OptionParser],
    command: Callable[[argparse.Namespace, Faults, LogOptions], ExitStatus],
    arguments: Sequence[str],
) -> ExitStatus:
    """Parses the arguments, sets up the log and runs a command.

    :param command: gets the parsed values, and the faults found so far.
    """
    faults = Faults()
    values = build_parser().parse(arguments, faults)
    log_options = read_log_options(values, faults)
    configure_logging(log_options)
    return run(lambda: command(values, faults, log_options), log_options)


def run(command: Callable[[], ExitStatus], options: LogOptions) -> ExitStatus:
    """Runs a command and turns what it raises into an exit status. SIGTERM is taken as Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return command()
    except SlateError as error:
        log_error(error, options)
        return error.exit_status
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except OSError as error:
        failure = SlateError("system-error", f"The system refuses it: {error}.")
        failure.__cause__ = error
        log_error(failure, options)
        drop_results()
        return ExitStatus.FAILED


def _interrupt(signal_number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
