CREATE TABLE pov.object (
  objectid text PRIMARY KEY,
  kind text NOT NULL,
  identity text NOT NULL,
  content jsonb NOT NULL,
  needs text[] NOT NULL
);

COMMENT ON TABLE pov.object IS
  'Every object as some snapshot found it, once each. objectid: SHA-256 of kind, identity and content. '
  'needs: what else must be there before it can be made.';
