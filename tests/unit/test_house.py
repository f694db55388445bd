"""The packages keep to the rules of docs/architecture.md, and the documents name files and tests that are there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = ("recovery", "replication", "versioning")
SHIPPED = ("init_slate_db", *COMMANDS)
TREE = {"benchmarks", "demo", "manual", "tests", *SHIPPED}


def imports(package: str) -> Iterator[tuple[Path, str]]:
    """Every module that a module of the package imports, wherever it does, of those in this tree."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from ((path.relative_to(ROOT), name) for name in names if name.partition(".")[0] in TREE)


@pytest.mark.parametrize("package", COMMANDS)
def test_a_command_imports_the_core_and_itself_alone(package: str) -> None:
    found = list(imports(package))
    assert found
    # The top package has the version.
    allowed = re.compile(rf"{package}(\..*)?|init_slate_db|init_slate_db\.core(\..*)?")
    assert [(path, name) for path, name in found if not allowed.fullmatch(name)] == []


def test_the_core_imports_no_command() -> None:
    found = list(imports("init_slate_db/core"))
    assert found
    assert [one for one in found if not re.fullmatch(r"init_slate_db(\.core(\..*)?|\.sql)?", one[1])] == []


@pytest.mark.parametrize("package", SHIPPED)
def test_nothing_that_is_shipped_imports_what_is_not(package: str) -> None:
    assert [one for one in imports(package) if one[1].partition(".")[0] not in SHIPPED] == []


@pytest.mark.parametrize("document", ["architecture.md", "reliability.md"])
def test_a_document_names_files_and_tests_that_are_there(document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    known = {path.name for folder in ("sql", *TREE) for path in (ROOT / folder).rglob("*")}
    named = re.findall(r"`((?:[\w.]+/)*[\w.]+\.(?:py|sql|txt))(?:::(\w+))?`", text)
    assert named
    for path, test in named:
        assert (ROOT / path).exists() or (ROOT / "init_slate_db" / path).exists() or Path(path).name in known, path
        if test:
            assert any(f"def {test}(" in one.read_text() for one in (ROOT / "tests").rglob(Path(path).name)), test
