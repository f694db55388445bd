CREATE TABLE slate.recovery_command (
  position integer NOT NULL,
  command text NOT NULL,
  CONSTRAINT recovery_command_pkey PRIMARY KEY (position)
);

COMMENT ON TABLE slate.recovery_command IS 'What brings back the indexes that a recovery by copy has set aside. A command goes in the transaction that runs it.';
