-- A pair that a rollback touches. in_the_way: it goes before anything is made, as something must go that it stands on, or
-- itself; drops, makes: what becomes of it; younger: it belongs to a table that was made after the snapshot.
CREATE TYPE pov.deed AS (
  key text, kind text, identity text, action text, live jsonb, stored jsonb, needs text[], grantees text[], keeper oid,
  class_id oid, object_id oid, in_the_way boolean, drops boolean, makes boolean, phase integer, younger boolean
);
