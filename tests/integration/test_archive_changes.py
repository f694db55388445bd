"""Changes that are easy to get wrong: what the archive derives for each leads to what is wanted."""

from pathlib import Path

from tests.archive_schemas import scratches
from tests.archives import NAME, prepare_roles
from tests.conftest import VERSIONS
from tests.servers import Server
from versioning.archive.delta.deriving import Casts, write_text
from versioning.archive.delta.ordering import plan
from versioning.archive.folder import Archive
from versioning.archive.items import compare
from versioning.archive.proof import Workshop, look, run_inside

FILE = Path(__file__).parent.parent / "archive_changes.sql"


def read_changes() -> dict[str, tuple[str, str]]:
    """By title, what is there and what is to be."""
    pieces = FILE.read_text(encoding="utf-8").split("\n\n-- ")[1:]
    found = {}
    for piece in pieces:
        title, _, text = piece.partition("\n")
        before, _, after = text.partition("-- becomes\n")
        found[title] = (before, after)
    return found


def test_a_delta_leads_where_it_is_to_lead(server: Server) -> None:
    """Every other change on each server: both together see all of them."""
    prepare_roles(server)
    changes = list(read_changes().items())[VERSIONS.index(server.version) :: len(VERSIONS)]
    wrong: dict[str, list[str]] = {}
    with scratches(server) as made:
        workshop = Workshop(Archive(Path(), NAME, {}), made)
        connection = made.connect(made.make())
        can_cast = Casts(connection)
        for title, (there, wanted) in changes:
            after = workshop.sketch(wanted, title)
            with connection.transaction(force_rollback=True):
                run_inside(connection, there, title)
                before = look(connection, workshop.archive)
                text = write_text(plan(before, after, can_cast, with_partitions=False), title)
                connection.execute(text.encode(), prepare=False)
                left = compare(after, look(connection, workshop.archive))
                if "materialized view reads" in title:
                    filled = connection.execute("SELECT relname FROM pg_class WHERE relispopulated AND relkind = 'm'")
                    assert {name for (name,) in filled} == {"filled", "d"}
            if left:
                wrong[title] = [one.title for one in left]
            if title == "a new label is used at once":
                # Here the type is as new as the label, and PostgreSQL lets it pass.
                assert "ADD VALUE" not in text
    assert wrong == {}
