-- The names are those of pov.live_edges.
CREATE TYPE pov.address AS (on_class oid, on_object oid, on_column integer);
