-- What the function of each kind finds of a live object. note_sets and note_unsets are commands, one for one: what
-- gives the object a property that its definition does not, and what takes that away again.
CREATE TYPE pov.live_item AS (
  class_id oid, object_id oid, kind text, identity text, target text, removal text, definition text, shape text[],
  owner oid, acl_type "char", acl aclitem[], column_grants text[], note_sets text[], note_unsets text[],
  schema_name text, relation text, column_name text
);
