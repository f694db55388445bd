-- An object as it is live and as it is stored, NULL where it is not; key says which; action: what a rollback does with it.
CREATE TYPE pov.pair AS (
  key text, kind text, identity text, action text, live jsonb, stored jsonb, needs text[], grantees text[], keeper oid,
  class_id oid, object_id oid
);
