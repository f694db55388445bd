CREATE TABLE pov.snapshot (
  snapshotid integer PRIMARY KEY,
  revisionid text NOT NULL REFERENCES pov.revision,
  taken timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  taken_by name NOT NULL DEFAULT session_user,
  note text
);

COMMENT ON TABLE pov.snapshot IS 'Which revision was live when. The last one is the active snapshot.';
