CREATE TABLE slate.release (
  schema_name text NOT NULL,
  base text NOT NULL,
  major integer NOT NULL,
  minor integer NOT NULL,
  patch integer NOT NULL,
  digest text NOT NULL,
  script text NOT NULL,
  tool_version text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  created_by text NOT NULL DEFAULT session_user,
  retired_at timestamp with time zone,
  retired_by text,
  restored_at timestamp with time zone,
  CONSTRAINT release_pkey PRIMARY KEY (schema_name)
);

COMMENT ON TABLE slate.release IS 'Ledger of releases: schemas with a version in their names.';
COMMENT ON COLUMN slate.release.base IS 'The name without the version.';
COMMENT ON COLUMN slate.release.digest IS 'SHA-256 of the source files, paths and texts.';
COMMENT ON COLUMN slate.release.script IS 'What makes the schema as it was created, and since it was retired, as it was then.';
COMMENT ON COLUMN slate.release.retired_at IS 'Since when the schema is gone; null while it is there.';
