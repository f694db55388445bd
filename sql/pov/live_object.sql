-- A live object as a snapshot keeps it, in the commands that make, dress and drop it, and beside that what only a
-- rollback asks: grantees, whom everything is revoked from before the object gets other grants; keeper, who may change it.
CREATE TYPE pov.live_object AS (
  key text, objectid text, kind text, identity text, content jsonb, needs text[], grantees text[], keeper oid,
  class_id oid, object_id oid
);
