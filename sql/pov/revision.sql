CREATE TABLE pov.revision (
  revisionid text PRIMARY KEY,
  created timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

COMMENT ON TABLE pov.revision IS 'A set of objects that was live at once. revisionid: SHA-256 of their objectids.';
