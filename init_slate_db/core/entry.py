"""Where the process of a command begins and ends."""

import sys
from importlib import import_module
from typing import NoReturn


def run(module: str) -> NoReturn:
    """Runs main of the module with the arguments of the process, and ends the process with its exit status.

    :param module: imported here, so that Ctrl-C while Python is still loading ends as it does later.
    """
    try:
        status = import_module(module).main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
