CREATE FUNCTION pov.bare_name(signature text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN substring(signature FROM '^((?:"(?:[^"]|"")*"|[^"(])*)\(');

COMMENT ON FUNCTION pov.bare_name(text) IS 'A function''s qualified name without its arguments.';
