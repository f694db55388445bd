CREATE TABLE pov.snapshot (
  snapshotid integer PRIMARY KEY,
  revisionid text NOT NULL REFERENCES pov.revision,
  taken timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  taken_by name NOT NULL DEFAULT session_user,
  note text,
  tables text[] NOT NULL
);

COMMENT ON TABLE pov.snapshot IS
  'Which revision was live when. The last one is the active snapshot. tables: those that there were when it was taken; they '
  'are no part of the revision, yet a rollback says which younger ones it touches.';
