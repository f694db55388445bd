CREATE FUNCTION pov.modify_word(modify "char") RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE modify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END;

COMMENT ON FUNCTION pov.modify_word("char") IS 'How CREATE AGGREGATE says what a final function does to the state.';
