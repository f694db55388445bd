-- Roles belong to the whole cluster: a second database of the same prefix finds them there.
DO $block$
DECLARE
  role name;
BEGIN
  FOREACH role IN ARRAY ARRAY[:'owner', :'writer', :'reader', :'replicator', :'recoverer'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role);
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      -- Another run was faster; whether the role fits is looked at next.
      NULL;
    END;
  END LOOP;
  -- A recovery drops indexes, disables a trigger and keeps a journal, which is the owner's alone to do.
  IF NOT pg_has_role(:'recoverer', :'owner', 'USAGE') THEN
    GRANT :"owner" TO :"recoverer";
  END IF;
  -- Who is no superuser can give objects to a role of its own alone.
  IF NOT pg_has_role(:'owner', 'USAGE') THEN
    GRANT :"owner" TO CURRENT_USER;
  END IF;
END;
$block$;
