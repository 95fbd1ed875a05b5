"""`muniment completion`: the script that a shell needs, and what it is told while somebody types.

A parameter is completed by its metavar, which is what `--help` calls it: PROJECT, PROJECT:CHANGE,
CHANGE. So a command that says there what it wants needs nothing else. The names come from the
plans; no database is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete
from click.types import StringParamType

from muniment.errors import MunimentError
from muniment.migrate.plan import Plan
from muniment.migrate.projects import Projects, find_sql_directory

if TYPE_CHECKING:
    # It cannot be subscribed before click 8.5.
    Item: TypeAlias = CompletionItem[str]

# What click answers, in scripts of this project's own, because click's lose their way at what is
# usual here: bash splits words also at : and @, so they are put together again, and of an answer
# bash is given what comes after the part that it leaves alone; zsh and fish take --option=value for
# one word, of which click answers the value. A PROJECT: is not the end of a word. And whatever goes
# wrong, nothing is printed over the line that is being typed.
_BASH = """\
%(complete_func)s() {
    local line=${COMP_LINE:0:COMP_POINT} index word kept type value
    local -a words=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if ((index == 0)) || [[ $line == [[:blank:]]* ]]; then
            line=${line#"${line%%%%[![:blank:]]*}"}
            words+=("")
        fi
        [[ $line == "$word"* ]] || word=$line
        words[${#words[@]} - 1]+=$word
        line=${line#"$word"}
    done
    kept=${words[${#words[@]} - 1]%%"$2"}
    [[ $kept != -* ]] || kept=${kept#*=}

    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                COMPREPLY+=("${value#"$kept"}")
                [[ $value != *: ]] || compopt -o nospace
                ;;
        esac
    done < <(
        env COMP_WORDS="$(printf '%%s\\n' "${words[@]}")" COMP_CWORD=$((${#words[@]} - 1)) \\
            %(complete_var)s=bash_complete "$1" 2>/dev/null
    )
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a answers plain described open
    local type value about
    answers=("${(@f)$(
        env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \\
            %(complete_var)s=zsh_complete ${~words[1]} 2>/dev/null
    )}")
    compset -P '--*='
    for type value about in $answers; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                if [[ $about != _ ]]; then
                    # click escapes the colons of a name since 8.2.2, and not before.
                    described+=("${${value//\\\\:/:}//:/\\\\:}:$about")
                elif [[ $value == *: ]]; then
                    open+=("$value")
                else
                    plain+=("$value")
                fi
                ;;
        esac
    done
    (( ! $#described )) || _describe -V unsorted described
    (( ! $#plain )) || compadd -V unsorted -a plain
    (( ! $#open )) || compadd -V unsorted -S '' -a open
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = """\
function %(complete_func)s
    set -l kept (string replace --regex --filter '^(--[^=]*=).*' '$1' -- (commandline -ct))
    env COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -ct) \\
        %(complete_var)s=fish_complete (commandline -opc)[1] 2>/dev/null \\
        | while read --local --delimiter , type value
        switch $type
            case dir
                __fish_complete_directories "$value"
            case file
                __fish_complete_path "$value"
            case plain
                echo "$kept$value"
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _BashScript(BashComplete):
    source_template = _BASH


class _ZshScript(ZshComplete):
    source_template = _ZSH


class _FishScript(FishComplete):
    source_template = _FISH


_SHELLS = {"bash": _BashScript, "zsh": _ZshScript, "fish": _FishScript}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    """Print the script that makes a shell complete the command lines of muniment.

    It completes commands, options, and the names of projects and changes from the plans.

    bash 4.4 or later, in ~/.bashrc: eval "$(muniment completion bash)"

    zsh, in ~/.zshrc after compinit: eval "$(muniment completion zsh)"

    fish, once: muniment completion fish > ~/.config/fish/completions/muniment.fish
    """
    from muniment.cli import cli

    script = _SHELLS[shell](cli, {}, "muniment", "_MUNIMENT_COMPLETE").source()
    click.echo(script, nl=False)


def teach(command: click.Command) -> None:
    """Make the parameters of a command, and of those below it, answer with what is planned.

    Only a line that is being completed needs it, so the commands do not do it themselves.
    """
    for param in command.params:
        if param.type is click.STRING and (answer := _ANSWERS.get(form(param))):
            param.type = _PlannedName(answer)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            teach(below)


def form(param: click.Parameter) -> str:
    """Return what a parameter is called, without the marks of what is optional or repeated."""
    called = param.metavar or (param.name or "").upper()
    called = called.removesuffix("...")
    return called[1:-1] if called.startswith("[") and called.endswith("]") else called


class _PlannedName(StringParamType):
    """A name that a shell may complete."""

    def __init__(self, answer: Callable[[Projects, str, str], Iterator[Item]]) -> None:
        self._answer = answer

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[Item]:
        """Return what begins as the word does; nothing where there is nothing, and no error."""
        try:
            projects = Projects(find_sql_directory(ctx.params.get("sql_dir")))
            found = list(self._answer(projects, _own_project(ctx), incomplete))
        except (MunimentError, OSError):
            return []
        return [item for item in found if item.value.startswith(incomplete)]


def _own_project(ctx: click.Context) -> str:
    """Return the project that the line names already, as an argument."""
    # After an option that has no value yet, click leaves the arguments unread.
    words: list[object] = list(ctx.args)
    for param in ctx.command.params:
        if isinstance(param, click.Argument) and "PROJECT" in form(param):
            value = ctx.params.get(param.name or "")
            words[:0] = value if isinstance(value, tuple) else [value]
    named = next((word for word in words if isinstance(word, str)), "")
    return named.partition(":")[0]


def _project_names(projects: Projects, _own: str, _incomplete: str) -> Iterator[Item]:
    yield from (CompletionItem(name) for name in projects.names)


def _project_prefixes(projects: Projects, _own: str, _incomplete: str) -> Iterator[Item]:
    yield from (CompletionItem(f"{name}:") for name in projects.names)


def _targets(projects: Projects, own: str, incomplete: str) -> Iterator[Item]:
    project, colon, _ = incomplete.partition(":")
    if colon:
        yield from _specs(projects.plan(project), f"{project}:")
    else:
        yield from _project_names(projects, own, incomplete)


def _qualified_changes(projects: Projects, _own: str, incomplete: str) -> Iterator[Item]:
    project, colon, _ = incomplete.partition(":")
    for name in [project] if colon else projects.names:
        # Of a change that was reworked, the newest instance.
        newest = {change.qualified: change.note for change in projects.plan(name).changes}
        yield from (_item(qualified, note) for qualified, note in newest.items())


def _own_specs(projects: Projects, own: str, _incomplete: str) -> Iterator[Item]:
    if own:
        yield from _specs(projects.plan(own), "")


def _any_specs(projects: Projects, own: str, incomplete: str) -> Iterator[Item]:
    if ":" in incomplete:
        yield from _targets(projects, own, incomplete)
    else:
        yield from _own_specs(projects, own, incomplete)
        yield from _project_prefixes(projects, own, incomplete)


def _specs(plan: Plan, prefix: str) -> Iterator[Item]:
    """Yield what names one change of a plan, in the order of that."""
    instances = Counter(change.name for change in plan.changes)
    for change in plan.changes:
        exact = change.stems[0] if change.rework_tags else f"{change.name}@HEAD"
        name = change.name if instances[change.name] == 1 else exact
        yield _item(f"{prefix}{name}", change.note)
        for tag in change.tags:
            yield _item(f"{prefix}@{tag.name}", tag.note)


def _item(name: str, note: str) -> Item:
    # A shell reads an answer by lines.
    return CompletionItem(name, help=re.split(r"[\r\n]", note)[0])


# By what --help calls a parameter.
_ANSWERS = {
    "PROJECT": _project_names,
    "PROJECT:NAME": _project_prefixes,
    "PROJECT[:CHANGE]": _targets,
    "PROJECT:CHANGE": _qualified_changes,
    "CHANGE": _own_specs,
    "[PROJECT:]CHANGE": _any_specs,
}
