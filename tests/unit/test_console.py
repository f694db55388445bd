"""What a command says, and to whom."""

import subprocess
import sys

import pytest

from init_slate_db.core.console import write_result

# Its reader is gone before it says anything; what it finds goes to standard error.
WRITE = """
import sys
from init_slate_db.core.console import write_result
sys.stdin.read()
found = [write_result("one"), write_result("two")]
print(found, file=sys.stderr)
"""


def test_a_result_is_written_whatever_the_encoding_and_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_result("one\ntwo")
    assert capsys.readouterr().out == "one\ntwo\n"
    written = subprocess.run(
        [sys.executable, "-c", "from init_slate_db.core.console import write_result; write_result('é→')"],
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert written.stdout == "\\xe9\\u2192\n"


def test_that_nobody_reads_a_result_is_told_the_first_time_and_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == "[False, True]\n"
    assert process.returncode == 0
