"""Which tests ought to notice that a file is broken: the narrow ones, the quickest first."""

from pathlib import Path

# That functions pin their search_path is said for all of them, and which run with the owner's rights.
_FOR_ALL = {
    "no setting": "compatibility/catalog::test_every_function_in_any_database_pins_its_search_path_or_needs_none",
    "caller's rights": "roles::test_only_these_functions_run_with_the_owners_rights_and_all_pin_their_search_path",
}
# fmt: off
_SQL = {
    "append_events": "append_events hardening",
    "insert_events check_insert_values refuse_insert_values unescape_literals": "insert_events hardening",
    "take_ids.partitioned add_partition add_partitions add_next_partitions partition_size "
    "notify_event_insert.partitioned":
        "partitions partitions_growing",
    "is_current_transaction": "hardening transaction_ids",
    "take_ids transaction_ts": "transactions hardening",
    "refuse_without_id": "recovery_functions hardening",
    "events.partitioned": "partitions",
    "filter_sql_command check_sql_command events id":
        "compatibility/catalog hardening "
        "partitions::test_no_event_is_changed_through_the_table_or_a_partition",
    "notify_event_insert truncated_notification notify_insert": "notifications",
    "set_indexes_aside set_notify_trigger_aside check_restorable": "recovery_functions restore_events",
    "restore_events conninfo connect_backup disconnect_backup survey_backup restore_from load_events":
        "restore_events partitions_recovered::test_restore_events_alone_fills_partitions",
    "begin_recovery abandon_recovery recover_events check_copied finish_recovery recovery recovery_range "
    "recovery_command": "recovery_functions",
    "refuse_while_following": "guard",
    "public public.source owner writer reader replicator replicator.destination recoverer missing unfit slate":
        "compatibility/catalog roles",
    "take_turn pov/missing forbidden refusals refusals.deeds need_fault tied rollback.path losses live_after "
    "live_in_time store take":
        "pov_functions pov_refusals pov_limits pov::test_an_unknown_snapshot_is_refused pov_sessions"
        " schema_snapshot_rollback",
    "execute": "pov_limits pov_sessions schema_snapshot_rollback faults/rollback_faults",
    "prune prunable": "pov_functions schema_snapshot",
}
# Of snapshots, what reads and compares definitions, and plans the way between them.
_DEFINITIONS = "pov_kinds pov pov_limits pov_refusals schema_snapshot"
_PYTHON = {
    "recovery/target":
        "unit/recovery_decisions backup_facts recover_rights::test_who_may_not_read_the_source_is_refused "
        "recover_replace::test_who_may_end_sessions_ends_those_that_it_may_not_look_into "
        "recover_rights::test_who_may_not_connect_to_the_source_is_refused",
    "recovery/backup": "backup_facts",
    "recovery/sessions": "recovery_sessions",
    "recovery/choice": "unit/recovery_decisions",
    "recovery/replacement": "recover_replace",
    "recovery/survey": "unit/recovery_decisions",
    "recovery/plan": "unit/recovery_decisions",
    "recovery/execution": "recover_races recover_closed faults/recover_steps",
    "recovery/way": "recover_races recover_backups recover_secrets",
    "recovery/report": "unit/report recover_consent",
    "recovery/cli": "unit/recovery_help recover_consent prompts",
    "recovery/options": "unit/recovery_help recover_consent",
    "recovery/methods/copy":
        "unit/copy_ranges recover_closed recover_backups faults/recover_disk_and_network faults/recover_resume",
    "recovery/methods/promote": "unit/recovery_decisions promote_facts recover_promote",
    "recovery/methods/restore_events": "recover_closed recover_incident faults/recover_steps",
    "recovery/diff": "unit/diff_values unit/diff_options diff diff_command faults/diff_faults",
    "init_slate_db/core/guard": "guard",
    "init_slate_db/core/consent": "unit/recovery_decisions",
    "init_slate_db/core/conninfo": "unit/conninfo unit/addresses unit/options",
    "init_slate_db/core/addresses": "unit/addresses unit/diff_options unit/recovery_help",
    "init_slate_db/core/options": "unit/options unit/misplaced_secrets unit/addresses unit/diff_options unit/help",
    "init_slate_db/core/errors": "unit/errors unit/options unit/recovery_help",
    "init_slate_db/core/connection": "pooler traps server_faults recover_backups recover_rights create",
    "init_slate_db/core/identity": "backup_facts",
    "init_slate_db/core/prompts": "prompts recover_consent",
    "init_slate_db/core/copying": "recover_incident follow",
    "init_slate_db/core/digests/survey": "backup_facts diff diff_command",
    "init_slate_db/core/digests": "diff diff_command",
    "init_slate_db/core/creation": "unit/dry_run check create server_faults roles",
    "init_slate_db/core/findings": "unit/findings check recover_backups",
    "init_slate_db/core/parallel": "unit/parallel diff",
    "init_slate_db/core/snapshot": "diff recover_backups recover_closed",
    "init_slate_db/core/sql_files": "unit/sql_text create",
    "init_slate_db/core/embedded": "embedded",
    "init_slate_db/core/progress": "unit/progress",
    "init_slate_db/core/console": "unit/console unit/program unit/progress recover_consent prompts",
    "init_slate_db/core/verbs": "unit/verbs unit/schema_help",
    "init_slate_db/core/entry": "unit/entry completion",
    "init_slate_db/core/program": "unit/program unit/errors unit/help recover_consent",
    "init_slate_db/creation": "check create roles embedded",
    "init_slate_db/cli": "unit/options unit/dry_run unit/help check create",
}
# fmt: on


def files(root: Path, kind: str) -> list[str]:
    """The files to be broken, by their paths from root; those of safety checks first. kind: sql or python."""
    if kind == "sql":
        found = [path for path in root.glob("sql/*/*.sql") if tests(root, path.relative_to(root).as_posix())]
    else:
        found = [path for name in ("recovery", "init_slate_db") for path in (root / name).rglob("*.py")]
        found = [path for path in found if tests(root, path.relative_to(root).as_posix())]
    ordered = [one.relative_to(root).as_posix() for one in found]
    known = list(_PYTHON)
    return sorted(ordered, key=lambda path: (_rank(path, known), path.startswith("sql/pov/"), path))


def tests(root: Path, path: str, operator: str = "") -> list[str]:
    """The files with tests for a file of the product, or tests; none where the mutation check does not cover it.

    :param operator: how it is broken.
    """
    name = path.removesuffix(".py")
    if path.endswith(".sql"):
        _, folder, file = path.split("/")
        words = (f"{folder}/{file.removesuffix('.sql')}", file.removesuffix(".sql").removeprefix("slate."))
        named = next((value for word in words for names, value in _SQL.items() if word in names.split()), "")
        if folder == "pov":
            named = named or _DEFINITIONS
        if folder not in ("functions", "privileges", "roles", "schemas", "tables", "triggers", "pov"):
            named = ""
        elif folder in ("functions", "pov"):
            named = f"{_FOR_ALL.get(operator, '')} {named}"
    else:
        named = next((value for prefix, value in _PYTHON.items() if _is_in(name, prefix)), "")
    found = [word.split("/") if "/" in word else ["integration", word] for word in named.split()]
    paths = [
        f"tests/{folder}/test_{file.replace('::', '.py::') if '::' in file else file + '.py'}" for folder, file in found
    ]
    assert all((root / one.partition("::")[0]).exists() for one in paths), paths
    return paths


def _is_in(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + "/")


def _rank(path: str, known: list[str]) -> int:
    return next((rank for rank, prefix in enumerate(known) if _is_in(path.removesuffix(".py"), prefix)), len(known))
