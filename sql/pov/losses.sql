CREATE FUNCTION pov.losses(deeds pov.deed[], OUT relation text, OUT objects text) RETURNS SETOF record
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT d.live ->> 'relation', string_agg(d.key, ', ' ORDER BY d.key COLLATE "C")
  FROM unnest(deeds) AS d
  WHERE d.younger
  GROUP BY 1
  ORDER BY 1
$function$;

COMMENT ON FUNCTION pov.losses(pov.deed[]) IS 'The tables that are younger than a snapshot, and what each loses by going back to it.';
