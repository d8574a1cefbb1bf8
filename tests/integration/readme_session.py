"""A session of a terminal as a Markdown file prints it: commands after "$ ",
each followed by what it answers. A line "…" stands for any lines, "…" within a
line for any text; numbers with a point may differ by 1e-5, or by one in their
last place where they have fewer, as they do between processors."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass

from served import ROOT, Served

PRINTED_SERVER = "127.0.0.1:50051"

ANY = "…"
DECIMAL = re.compile(r"-?\d+\.\d+(?:[eE][-+]?\d+)?")


@dataclass
class Step:
    command: str
    answer: list  # Lines.
    first: int  # Of the answer, as an index of the file's lines.


def _is_whole(command):
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command)
        return True
    except ValueError:  # A quotation is open.
        return False


def read_steps(lines, heading):
    """The commands in the fenced blocks below the heading, up to the next."""
    begin = lines.index(heading) + 1
    end = next((at for at in range(begin, len(lines))
                if lines[at].startswith("## ")), len(lines))
    steps, at, fenced = [], begin, False
    while at < end:
        line = lines[at]
        at += 1
        if line.startswith("```"):
            fenced = not fenced
        elif fenced and line.startswith("$ "):
            command = line[2:]
            while not _is_whole(command):
                command += "\n" + lines[at]
                at += 1
            first = at
            while not lines[at].startswith(("$ ", "```")):
                at += 1
            answer = lines[first:at]
            while answer and not answer[-1].strip():
                answer.pop()
            steps.append(Step(command, answer, first))
    return steps


def line_matches(printed, real):
    """Whether a line answered is the one printed."""
    pattern = "".join(
        ".*" if part == ANY else
        f"({DECIMAL.pattern})" if DECIMAL.fullmatch(part) else re.escape(part)
        for part in re.split(f"({ANY}|{DECIMAL.pattern})", printed))
    found = re.fullmatch(pattern, real)
    wanted = DECIMAL.findall(printed)
    return found is not None and all(
        abs(float(a) - float(b)) <= _tolerance(a)
        for a, b in zip(wanted, found.groups()))


def _tolerance(number):
    places = len(re.search(r"\.(\d+)", number).group(1))
    return max(1e-5 * max(1, abs(float(number))), 1.01 * 10.0**-places)


def align(printed, real, matches=line_matches):
    """For each line printed the index of its real one (None for "…"), or the
    index of the first line printed that has none."""
    places, at, free = [], 0, False
    for index, line in enumerate(printed):
        if line.strip() == ANY:
            places.append(None)
            free = True
            continue
        rest = printed[index:]
        if free:  # What stands together after "…" is found together.
            block = []
            for other in rest:
                if other.strip() == ANY:
                    break
                block.append(other)
            last = len(block) == len(rest)
            starts = ([len(real) - len(block)] if last
                      else range(at, len(real) - len(block) + 1))
            at = next((start for start in starts if start >= at and all(
                matches(a, b) for a, b in zip(block, real[start:]))), None)
            if at is None:
                return index
            free = False
        if at >= len(real) or not matches(line, real[at]):
            return index
        places.append(at)
        at += 1
    return places if free or at == len(real) else max(len(printed) - 1, 0)


def same_shape(printed, real):
    """As line_matches, for any numbers and any checksum: what --update uses to
    find the lines whose numbers are new."""
    def masked(text):
        return re.sub(r"[0-9a-f]{12,}", "#", DECIMAL.sub("#", text))
    pattern = ".*".join(re.escape(part) for part in masked(printed).split(ANY))
    return re.fullmatch(pattern, masked(real)) is not None


def renewed(printed, real):
    """The printed line with the numbers of the real one."""
    if ANY not in printed:
        return real
    numbers = iter(DECIMAL.findall(real))
    return DECIMAL.sub(lambda _: next(numbers), printed)


def _answer(step, address, environment):
    command = step.command.replace(PRINTED_SERVER, address)
    result = subprocess.run(
        ["bash", "-c", command], text=True, cwd=ROOT, timeout=600,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    refused = any(line.startswith("ERROR:") for line in step.answer)
    if (result.returncode != 0) != refused:
        sys.exit(f"$ {step.command}\nexit code {result.returncode}\n"
                 f"{result.stdout}")
    return result.stdout.rstrip("\n").split("\n") if result.stdout else []


def _compare(name, step, real):
    """Whether they agree; says where not."""
    places = align(step.answer, real)
    if isinstance(places, list):
        return True
    printed = step.answer[places] if step.answer else "nothing"
    print(f"$ {step.command}\n{name}:{step.first + places + 1}: not as "
          f"answered: {printed}\nThe answer:")
    print("\n".join(line[:120] for line in real[:60]))
    return False


def _update(name, lines, step, real):
    places = align(step.answer, real, same_shape)
    if not isinstance(places, list):
        sys.exit(f"{name}:{step.first + places + 1}: not only the numbers are "
                 f"new; edit by hand: {step.answer[places]}")
    for index, place in enumerate(places):
        if place is not None:
            lines[step.first + index] = renewed(step.answer[index], real[place])


def run_session(program, name, headings, shown=(), update=False, **variables):
    """Runs every command below the headings of the file against elmo-server
    `program`, and compares the answers, or with `update` writes their numbers
    into the file. The commands see the environment and `variables`. `shown`:
    what the session must have in it. The exit code of a test."""
    lines = (ROOT / name).read_text().split("\n")
    steps = [step for heading in headings for step in read_steps(lines, heading)]
    text = "\n".join(line for step in steps
                     for line in [step.command, *step.answer])
    missing = [word for word in shown if word not in text]
    if missing or not steps:
        sys.exit(f"{name}: the session no longer shows {missing}")
    failed = 0
    with Served(program) as server:
        for step in steps:
            real = _answer(step, server.address, {**os.environ, **variables})
            if update:
                _update(name, lines, step, real)
            elif not _compare(name, step, real):
                failed += 1
    if update:
        (ROOT / name).write_text("\n".join(lines))
    print(f"{len(steps)} commands, {failed} answered otherwise than printed")
    return 1 if failed else 0
