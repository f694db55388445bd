"""The table of errors and the code agree."""

import re
from pathlib import Path

import init_slate_db
import recovery
import replication
import versioning
from init_slate_db.core.errors import ERROR_CODES, EXIT_STATUS_MEANINGS, ExitStatus

SOURCE = Path(init_slate_db.__file__).parent
PACKAGES = (SOURCE, *(Path(package.__file__ or "").parent for package in (recovery, replication, versioning)))
REFERENCE = SOURCE.parent / "docs" / "exit-statuses.md"


def test_every_code_in_the_table_is_raised_somewhere_and_none_else() -> None:
    used: set[str] = set()
    for module in (path for package in PACKAGES for path in package.rglob("*.py")):
        if module.name != "errors.py":
            text = module.read_text(encoding="utf-8")
            used |= {code for code in ERROR_CODES if f'"{code}"' in text}
            unknown = set(re.findall(r'SlateError\(\s*"([a-z-]+)"', text)) - set(ERROR_CODES)
            assert not unknown, f"{module.name} raises {unknown}"
    assert set(ERROR_CODES) == used


def test_every_exit_status_has_a_meaning_and_stands_in_the_reference() -> None:
    assert set(EXIT_STATUS_MEANINGS) == set(ExitStatus)
    reference = REFERENCE.read_text(encoding="utf-8")
    for status, meaning in EXIT_STATUS_MEANINGS.items():
        assert f"| {status:d} | {meaning} |" in reference


def test_every_code_stands_in_the_reference_by_its_status() -> None:
    reference = REFERENCE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (`.*`) \|$", reference, re.MULTILINE))
    for status in set(ERROR_CODES.values()):
        codes = sorted(code for code, its in ERROR_CODES.items() if its is status)
        assert rows[str(status.value)] == ", ".join(f"`{code}`" for code in codes)


def test_every_sqlstate_stands_in_the_reference() -> None:
    reference = REFERENCE.read_text(encoding="utf-8")
    files = [*(SOURCE.parent / "sql").rglob("*.sql"), *(path for package in PACKAGES for path in package.rglob("*.py"))]
    raised = {state for file in files for state in re.findall(r"ERRCODE = '(\w+)'", file.read_text(encoding="utf-8"))}
    assert raised
    assert raised == set(re.findall(r"\| (SL\w{3}) \|", reference))
