CREATE TABLE slate.release_activation (
  activation_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  schema_name text NOT NULL,
  role_name text,
  path_before text,
  path_after text NOT NULL,
  activated_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  activated_by text NOT NULL DEFAULT session_user,
  undone_at timestamp with time zone,
  CONSTRAINT release_activation_pkey PRIMARY KEY (activation_id)
);

COMMENT ON TABLE slate.release_activation IS 'Which search_path was set for whom, and what it was before.';
COMMENT ON COLUMN slate.release_activation.role_name IS 'Whose search_path in this database; null: that of the database.';
COMMENT ON COLUMN slate.release_activation.path_before IS 'As pg_db_role_setting had it; null: there was none.';
COMMENT ON COLUMN slate.release_activation.undone_at IS 'When a rollback set path_before again.';
