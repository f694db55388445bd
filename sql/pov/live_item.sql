-- What the function of each kind finds of a live object. note_sets and note_unsets are commands, one for one: what
-- gives the object a property that its definition does not, and what takes that away again. owner: NULL where the kind
-- has none of its own; keeper: who may change it. roles: those that the definition names, quoted, first the one that it is
-- about where it is about one. domain: the one that a constraint belongs to.
CREATE TYPE pov.live_item AS (
  class_id oid, object_id oid, kind text, identity text, target text, removal text, definition text, shape text[],
  owner oid, acl_type "char", acl aclitem[], column_grants text[], note_sets text[], note_unsets text[],
  schema_name text, relation text, domain text, keeper oid, roles text[], by_superuser boolean, stub text
);
