"""``python -m manual`` writes the generated pages anew. The one of the databases takes the embedded PostgreSQL."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from init_slate_db.core.embedded import SUPERUSER, Cluster, find_binaries
from manual.commands import read_commands
from manual.databases import make_databases
from manual.man import FOLDER, make_pages
from manual.options import make_options_page
from manual.pages import OPTIONS, SQL
from manual.sql import make_sql_page


def main() -> None:
    commands = read_commands()
    OPTIONS.write_text(make_options_page(commands), encoding="utf-8")
    _write_man_pages(make_pages(commands))
    SQL.write_text(_make_sql_page(), encoding="utf-8")


def _write_man_pages(pages: Mapping[str, str]) -> None:
    """Writes the pages, and removes those of verbs that are no more."""
    for path in FOLDER.glob("*.1"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, encoding="ascii")


def _make_sql_page() -> str:
    with tempfile.TemporaryDirectory(prefix="slate-manual-") as directory:
        # Open to the system user that runs the server where we are root.
        Path(directory).chmod(0o755)
        cluster = Cluster(Path(directory) / "server", find_binaries())
        try:
            cluster.ensure_running()
            parameters = {"host": "127.0.0.1", "port": cluster.port, "user": SUPERUSER, "password": cluster.password}
            with make_databases(parameters | {"dbname": "postgres"}) as databases:
                return make_sql_page(databases)
        finally:
            cluster.stop("immediate")


if __name__ == "__main__":
    main()
