CREATE FUNCTION pov.role_name(role oid) RETURNS text
LANGUAGE sql STABLE
RETURN CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(role)) END;

COMMENT ON FUNCTION pov.role_name(oid) IS 'A role as GRANT names it; 0 is PUBLIC.';
