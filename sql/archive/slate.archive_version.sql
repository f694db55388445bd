CREATE TABLE slate.archive_version (
  archive text PRIMARY KEY,
  version text NOT NULL,
  since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  role text NOT NULL DEFAULT SESSION_USER,
  tool_version text NOT NULL
);

COMMENT ON TABLE slate.archive_version IS
  'Which version of its archive this database has. Written by slate-schema archive in the transaction of each delta.';
