"""Where the process of a command begins and ends."""

import sys
from importlib import import_module
from typing import NoReturn


def run(module: str) -> NoReturn:
    """Runs main of the module with the arguments of the process, and ends the process with its exit status.

    :param module: imported here, so that Ctrl-C while Python is still loading ends as it does later.
    """
    try:
        arguments = sys.argv[1:]
        # A shell asks for values: see core/completion.py, which takes too long to import for all others.
        if arguments and arguments[0].startswith("--complete="):
            arguments = import_module("init_slate_db.core.completing").begin(arguments[0])
        status = import_module(module).main(arguments)
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
