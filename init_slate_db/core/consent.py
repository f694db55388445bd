"""What a command that changes something tells beforehand, and whether it may go on."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from init_slate_db.core.console import write_question, write_result
from init_slate_db.core.errors import SlateError
from init_slate_db.core.findings import Finding

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Consent:
    """How the user agrees. yes: has agreed beforehand; interactive: can be asked; dry_run: nothing is to be done."""

    yes: bool
    interactive: bool
    dry_run: bool = False

    def tell_survey(self, findings: Iterable[Finding]) -> None:
        """Tells what was found. What to do about the first fact that ends the run stands in the error."""
        lines: list[str] = []
        has_ended = False
        for finding in findings:
            ends = finding.against is not None and finding.blocking
            lines += finding.lines()[:1] if ends and not has_ended else finding.lines()
            has_ended = has_ended or ends
        self.tell("Survey", lines)

    def tell_plan(self, steps: Iterable[str]) -> None:
        """Tells what is planned, step by step."""
        self.tell("Plan", [f"{number}  {step}" for number, step in enumerate(steps, 1)])

    def tell(self, title: str, lines: Sequence[str]) -> None:
        """As the result of a dry run, to a person who is asked then, or as log."""
        told = [title, *(f"  {line}" for line in lines)]
        if self.dry_run:
            write_result("\n".join(told))
        elif self._is_to_be_asked:
            write_question("\n".join(told))
        else:
            for line in told:
                _logger.info("%s", line)

    def ask(self) -> None:
        """Asks whether to go on, where the user has not said so.

        :raises SlateError: no-consent.
        """
        if self.yes:
            return
        if self._is_to_be_asked:
            from init_slate_db.core.prompts import confirm

            if confirm("Go on?"):
                return
            raise SlateError("no-consent", "Nothing was changed: you did not agree.")
        raise SlateError(
            "no-consent",
            "Nothing was changed: nobody can be asked to agree to the plan here.",
            hint="Add --yes to have it carried out, or --dry-run to see it alone.",
        )

    @property
    def _is_to_be_asked(self) -> bool:
        return self.interactive and not self.yes
