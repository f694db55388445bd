CREATE TABLE slate.patch (
  major integer NOT NULL,
  minor integer NOT NULL,
  point integer NOT NULL,
  type text NOT NULL,
  digest text NOT NULL,
  started_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  role text NOT NULL,
  came_from text NOT NULL,
  tool_version text NOT NULL,
  done integer NOT NULL DEFAULT 0,
  done_digest text,
  begun text,
  begun_pid integer,
  begun_session timestamp with time zone,
  former_digest text,
  accepted_at timestamp with time zone,
  accepted_by text,
  CONSTRAINT patch_pkey PRIMARY KEY (major, minor, point),
  CONSTRAINT patch_type CHECK (type IN ('std', 'direct', 'concurrent'))
);

COMMENT ON TABLE slate.patch IS 'The patches that slate-schema migrate has applied to this database, or begun to apply. One row a patch; every node has a ledger of its own.';
COMMENT ON COLUMN slate.patch.digest IS 'SHA-256 of the file, in hexadecimal digits.';
COMMENT ON COLUMN slate.patch.ended_at IS 'Null as long as a concurrent patch is not complete. Rows of the other types commit with their patch.';
COMMENT ON COLUMN slate.patch.role IS 'The role that applied it.';
COMMENT ON COLUMN slate.patch.came_from IS 'The user and the machine that the command ran on.';
COMMENT ON COLUMN slate.patch.done IS 'How many statements of a concurrent patch are done, from the first one on.';
COMMENT ON COLUMN slate.patch.done_digest IS 'SHA-256 of these statements, each with a byte 0 behind it.';
COMMENT ON COLUMN slate.patch.begun IS 'The statement that was begun outside a transaction and is not known to have ended.';
COMMENT ON COLUMN slate.patch.begun_pid IS 'The server process that runs it, or ran it.';
COMMENT ON COLUMN slate.patch.begun_session IS 'When that process began.';
COMMENT ON COLUMN slate.patch.former_digest IS 'The digest before somebody accepted a changed file.';
COMMENT ON COLUMN slate.patch.accepted_by IS 'The role that accepted it.';
