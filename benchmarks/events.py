"""Events as applications of the event store write them: made by a server, the same ones in every run."""

from psycopg import sql

from tests.servers import Server
from tests.slate import create_database

# About 350 bytes each. Entities come in no order, as they do where many are in use at once.
EVENT = """
jsonb_build_object(
  'target', 'Person',
  'entityName', (ARRAY['Person', 'Address', 'Phone', 'Order'])[1 + i % 4],
  'entityId', md5('entity ' || floor(random() * 100000))::uuid,
  'operation', (ARRAY['create', 'mutate', 'mutate', 'mutate', 'destroy'])[1 + i % 5],
  'propertyName', 'property' || i % 23,
  'value', md5('a' || i) || ' ' || md5('b' || i) || ' ' || md5('c' || i),
  'metadata', jsonb_build_object(
    'command', 'Change property ' || i % 57,
    'initiatorId', md5('initiator ' || i % 1000)::uuid))
"""
FILL = f"""
INSERT INTO public.events (id, ts, event)
SELECT i, timestamptz '2026-01-01 00:00:00+00' + i * interval '10 milliseconds', {EVENT}
FROM generate_series(1, {{count}}) AS i
"""
SELECT = f"SELECT ({EVENT})::text FROM generate_series(1, {{count}}) AS i"
SEED = "SELECT setseed(0.5)"


def fill_backup(server: Server, database: str, count: int) -> float:
    """Makes a destination database with that many events, and returns their mean length as text in bytes."""
    create_database(server, database, "destination")
    with server.connect(database) as connection:
        connection.execute(SEED)
        connection.execute(sql.SQL(FILL).format(count=count))
        connection.execute("VACUUM (ANALYZE) public.events")
        row = connection.execute("SELECT avg(octet_length(event::text))::float FROM public.events").fetchone()
    assert row is not None
    return float(row[0])


def make_events(server: Server, count: int) -> list[str]:
    """That many events as JSON text, none with a quote or a dollar sign in it."""
    with server.connect() as connection:
        connection.execute(SEED)
        return [event for (event,) in connection.execute(sql.SQL(SELECT).format(count=count))]
