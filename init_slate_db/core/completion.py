"""Completion scripts for shells: what the parsers know stands in them, and values are asked of the command itself."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from string import Template
from typing import Any

ASKED = "--complete="
"""What the hidden argument begins with by which scripts ask: ``--complete=SHELL,NAME``; the line is standard input."""
SHELLS = ("bash", "zsh", "fish")
# Options and arguments that take files and folders, by what they are called in every usage line.
_FILES = ("FILE",)
_FOLDERS = ("DIR", "DIRECTORY", "FOLDER")

# The line goes through a pipe: it may hold a password, which must not show in any list of processes.
_ASK = {
    "bash": """
${prefix}_ask() {
  local program=$${COMP_WORDS[0]}
  printf '%s' "$${COMP_LINE:0:COMP_POINT}" |
    command -- "$${program/#\\~\\//$$HOME/}" --complete=bash,"$$1" 2>/dev/null
}
${functions}""",
    "zsh": """
${prefix}_ask() {
  local -a typed=("$${(@Q)$${(z)LBUFFER}}") offers
  local program=$${typed[(R)*${program}]:-${program}}
  offers=("$${(@f)$$(print -rn -- "$$LBUFFER" | command $${~program} --complete=zsh,"$$1" 2>/dev/null)}")
  (( $${#offers[1]} )) && _describe -V "$${1//_/ }" offers
}""",
    "fish": """
complete -c ${program} -f
function ${prefix}_ask
  set -l typed (commandline -cpo)
  set -l program ${program}
  if string match -q -- '*${program}' "$$typed[1]"
    set program (string replace -r '^~/' "$$HOME/" -- $$typed[1])
  end
  commandline -cp | command $$program --complete=fish,$$argv[1] 2>/dev/null
end
""",
}
# bash takes --option=value for three words, and what shtab writes for a value in the place of the next argument.
_BASH_WORDS = """
${prefix}() {
  local -a typed=("$${COMP_WORDS[@]}") COMP_WORDS=()
  local -i last=COMP_CWORD place
  local COMP_CWORD
  for (( place = 0; place <= last; place++ )); do
    if [[ $${typed[place]} != '=' || $${typed[place - 1]} != --* ]]; then
      COMP_WORDS+=("$${typed[place]}")
    elif (( place == last )); then
      COMP_WORDS+=('')
    fi
  done
  COMP_CWORD=$$(( $${#COMP_WORDS[@]} - 1 ))
  ${called} "$$@"
}
complete -o bashdefault -F ${prefix} ${program}"""
# A function of bash for each kind of values, since shtab hands no arguments on.
_BASH_FUNCTION = '${prefix}_${name}() { ${prefix}_ask ${name} "$$1"; }'


@dataclass(frozen=True)
class Values:
    """Values that a command knows only when it looks: databases of a server, say.

    name: what they are called in scripts, and the function that finds them. module: where that function is; it takes
    the parsed arguments typed so far, and returns values, each with a description, "" for none.
    """

    name: str
    module: str


def offer(action: argparse.Action, values: Values) -> None:
    """Has shells offer these values for an option or an argument."""
    action.offers = values  # type: ignore[attr-defined]


def offered(action: argparse.Action | None) -> Values | None:
    return getattr(action, "offers", None)


def make_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for the command and all its verbs.

    :param parser: one that insists on values.
    """
    import shtab

    prefix = f"_{shtab.wordify(parser.prog)}"
    names = set()
    for action in _walk(parser):
        if values := offered(action):
            names.add(values.name)
            called = f"{prefix}_ask {values.name}"
            # The space keeps zsh from adding options of its own.
            places = {"bash": f"{prefix}_{values.name}", "zsh": f" {called}", "fish": f"({called})"}
            action.complete = places
        elif action.metavar in _FILES:
            action.complete = shtab.FILE
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY
    functions = "\n".join(Template(_BASH_FUNCTION).substitute(prefix=prefix, name=name) for name in sorted(names))
    asking = Template(_ASK[shell]).substitute(prefix=prefix, program=parser.prog, functions=functions)
    script: str = shtab.complete(parser, shell, preamble=asking)
    if shell == "bash":
        called = f"_shtab{prefix}"
        script += Template(_BASH_WORDS).substitute(prefix=prefix, called=called, program=parser.prog)
    return script


def _walk(parser: argparse.ArgumentParser) -> Iterator[Any]:
    """The actions of the parser and of all its verbs."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                verb = action.choices[choice.dest]
                # Shells show it beside the verb, on one line.
                verb.description = choice.help
                yield from _walk(verb)
