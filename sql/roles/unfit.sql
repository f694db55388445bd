-- Only reads: --check runs it too, when some of the roles may not be there yet.
DO $block$
DECLARE
  role record;
BEGIN
  FOR role IN
    SELECT quote_ident(r.rolname) AS name,
           concat_ws(', ', CASE WHEN r.rolcanlogin THEN 'LOGIN' END, CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
             CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
             CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
             CASE WHEN NOT r.rolinherit THEN 'NOINHERIT' END) AS attributes,
           (SELECT string_agg(quote_ident(g.rolname), ', ' ORDER BY g.rolname)
            FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid
            WHERE m.member = r.oid AND (r.rolname, g.rolname) <> (:'recoverer', :'owner')) AS groups
    FROM pg_roles AS r
    WHERE r.rolname IN (:'owner', :'writer', :'reader', :'replicator', :'recoverer')
    ORDER BY r.rolname
  LOOP
    IF role.attributes <> '' THEN
      RAISE EXCEPTION 'Role % exists already and has %', role.name, role.attributes
        USING ERRCODE = 'SL050',
              HINT = format('Name another prefix, or have a superuser run: ALTER ROLE %s NOLOGIN NOSUPERUSER NOCREATEDB '
                            'NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT', role.name);
    ELSIF role.groups IS NOT NULL THEN
      RAISE EXCEPTION 'Role % exists already and is a member of %', role.name, role.groups
        USING ERRCODE = 'SL051',
              HINT = format('Name another prefix, or have a superuser run: REVOKE %s FROM %s', role.groups, role.name);
    END IF;
  END LOOP;
END;
$block$;
