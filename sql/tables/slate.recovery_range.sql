CREATE TABLE slate.recovery_range (
  first_id bigint NOT NULL,
  last_id bigint NOT NULL,
  CONSTRAINT recovery_range_pkey PRIMARY KEY (first_id)
);

COMMENT ON TABLE slate.recovery_range IS 'The ids, both inclusive, that a recovery by copy has stored: each range in the transaction of its events.';
