CREATE FUNCTION slate.begin_recovery(method text, backup jsonb, last_id bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF EXISTS (SELECT FROM slate.recovery) THEN
    IF EXISTS (SELECT FROM public.events) THEN
      RAISE EXCEPTION 'A recovery of this source has not finished'
        USING ERRCODE = 'SL041', HINT = 'Let it go on with slate-recover --resume, or set this database aside with --replace.';
    END IF;
    -- It had not stored one event, so all can begin anew.
    PERFORM slate.abandon_recovery();
  END IF;
  PERFORM slate.check_restorable();
  DELETE FROM public.id;
  INSERT INTO slate.recovery (method, backup, last_id)
  VALUES (begin_recovery.method, begin_recovery.backup, begin_recovery.last_id);
  IF method = 'copy' THEN
    IF to_regproc('slate.add_partitions') IS NOT NULL THEN
      PERFORM slate.add_partitions(begin_recovery.last_id);
    END IF;
    LOCK TABLE public.events IN ACCESS EXCLUSIVE MODE;
    INSERT INTO slate.recovery_command (position, command)
    SELECT c.position, c.command FROM unnest(slate.set_indexes_aside()) WITH ORDINALITY AS c (command, position);
    UPDATE slate.recovery SET notify_command = slate.set_notify_trigger_aside();
  END IF;
END;
$function$;

COMMENT ON FUNCTION slate.begin_recovery(text, jsonb, bigint) IS
  'From here on writers are refused (SL004) until slate.finish_recovery. For the method copy, indexes and notify trigger '
  'are set aside too. SL030 to SL032: see slate.check_restorable. SL041: another recovery has stored events already.';
