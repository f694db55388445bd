CREATE TABLE slate.archive_delta (
  position integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  archive text NOT NULL,
  version text NOT NULL,
  parent text,
  digest text,
  applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  role text NOT NULL DEFAULT SESSION_USER,
  tool_version text NOT NULL
);

COMMENT ON TABLE slate.archive_delta IS
  'The deltas that this database has been through: to version, from parent (NULL: from nothing), with the SHA-256 of the delta (NULL: there was nothing to do).';
