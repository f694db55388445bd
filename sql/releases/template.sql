RESET ROLE;

-- Roles belong to the whole cluster: the other versions use the same ones.
DO $block$
DECLARE
  role name;
BEGIN
  FOREACH role IN ARRAY ARRAY[:'owner', :'usage', :'executor'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role);
    EXECUTE format('CREATE ROLE %I NOLOGIN', role);
  END LOOP;
  -- Who is no superuser can give a schema to a role of its own alone.
  IF NOT pg_has_role(:'owner', 'USAGE') THEN
    GRANT :"owner" TO CURRENT_USER;
  END IF;
END;
$block$;

CREATE SCHEMA :"schema" AUTHORIZATION :"owner";

SET ROLE :"owner";

GRANT USAGE ON SCHEMA :"schema" TO :"usage", :"executor";

-- Not for the schema alone: there PostgreSQL can only add to what the role gives everywhere.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA :"schema" GRANT EXECUTE ON FUNCTIONS TO :"executor";

SET search_path TO :"schema", public;
