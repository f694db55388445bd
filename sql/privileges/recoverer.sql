-- The extension is not the owner's, so neither are these functions: all that a recovery calls, and no others.
RESET ROLE;
GRANT EXECUTE ON FUNCTION public.dblink(text, text) TO :"recoverer";
GRANT EXECUTE ON FUNCTION public.dblink_connect(text, text) TO :"recoverer";
GRANT EXECUTE ON FUNCTION public.dblink_disconnect(text) TO :"recoverer";
GRANT EXECUTE ON FUNCTION public.dblink_exec(text, text) TO :"recoverer";
GRANT EXECUTE ON FUNCTION public.dblink_get_connections() TO :"recoverer";
GRANT EXECUTE ON FUNCTION public.dblink_get_result(text) TO :"recoverer";
GRANT EXECUTE ON FUNCTION public.dblink_send_query(text, text) TO :"recoverer";
