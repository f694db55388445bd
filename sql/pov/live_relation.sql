CREATE VIEW pov.live_relation AS
SELECT c.oid, c.relkind, c.relowner, c.relacl, c.reloptions, c.relrowsecurity, c.relforcerowsecurity,
  n.nspname, c.relname, format('%I.%I', n.nspname, c.relname) AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f') AND NOT c.relispartition AND NOT pov.is_left_out(n.nspname) AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_depend AS d
  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
);

COMMENT ON VIEW pov.live_relation IS 'The tables and views that can bear objects of a snapshot: a partition''s belong to the partitioned table.';
