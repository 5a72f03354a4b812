"""Hosts: the cold start of each hook command against a bare interpreter with SQLite, and the provider's hooks when warm."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from harness import Report, each, percentile, questions, texts
from memcore import Draft, Engine
from memcore_plugins.hosts.provider import MemcoreProvider

FLOOR = ("-c", "import sqlite3")
TURNS = 2  # messages a synced turn has


def main(report: Report) -> None:
    """Measure the hook commands cold and the provider warm, on a memory of ordinary size."""
    size, runs = (200, 3) if report.quick else (2_000, 15)
    home = report.folder / "home"
    with Engine.open(home=home, environ={}) as engine:
        engine.remember([Draft(content=text, source=f"memory/{i}.md#L1") for i, text in enumerate(texts(size))])
    transcript = report.folder / "transcript.jsonl"
    lines = [{"type": "user", "message": {"role": "user", "content": text}} for text in texts(20, seed=3)]
    transcript.write_text("".join(json.dumps(line) + "\n" for line in lines))
    cold(report, home, transcript, runs)
    warm(report, home, 20 if report.quick else 200)


def cold(report: Report, home: Path, transcript: Path, runs: int) -> None:
    """Report the CPU of each hook command, and of `memcore search`, beside that of the floor in the same minute."""
    program = str(Path(sys.executable).with_name("memcore"))
    asked = questions(runs, low=50, high=2_000)
    commands = {
        "memcore search": lambda i: ([program, "search", asked[i]], ""),
        "hook session-start": lambda i: ([program, "hook", "session-start"], event(f"s{i}", source="startup")),
        "hook user-prompt": lambda i: ([program, "hook", "user-prompt"], event(f"s{i}", prompt=asked[i])),
        "hook stop": lambda i: ([program, "hook", "stop"], event(f"s{i}", transcript_path=str(transcript))),
        "hook pre-compact": lambda i: (
            [program, "hook", "pre-compact"],
            event(f"s{i}", transcript_path=str(transcript)),
        ),
        "hook session-end": lambda i: (
            [program, "hook", "session-end"],
            event(f"s{i}", transcript_path=str(transcript)),
        ),
    }
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | {
        "MEMCORE_HOME": str(home)
    }
    for name, command in commands.items():
        spent([*command(0)[0]], command(0)[1], environ)  # compile, and write the index of plugins
        pairs = [(spent([sys.executable, *FLOOR], "", environ), spent(*command(i), environ)) for i in range(runs)]
        floor, own = (percentile([pair[which] for pair in pairs], 0.5) for which in (0, 1))
        report.row(
            name,
            f"{own * 1000:.0f} ms CPU",
            floor=f"{floor * 1000:.0f} ms",
            ratio=own / floor,
            target="search" if "hook" in name else "",
        )


def event(session: str, **given: str) -> str:
    """Return what a hook gets on standard input."""
    return json.dumps({"session_id": session, **given})


def spent(command: list[str], stdin: str, environ: dict[str, str]) -> float:
    """Run a process to its end and return its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def warm(report: Report, home: Path, rounds: int) -> None:
    """Report the time of each hook of a provider that is open."""
    memory = MemcoreProvider(lambda: Engine.open(home=home, environ={}), home=home, session_id="warm", seconds=30)
    memory.prefetch("open the database")
    said = list(texts(rounds * TURNS, seed=5, length=20))
    report.latency("prefetch", each(memory.prefetch, questions(rounds, low=50, high=2_000)), target="p95 < 100 ms")
    report.latency(
        "system_prompt_block, first",
        each(lambda i: (memory.switch(f"w{i}"), memory.system_prompt_block()), range(rounds)),
    )
    memory.switch("turns")
    turns = [
        [{"role": "user", "content": said[i]}, {"role": "assistant", "content": said[i + 1]}]
        for i in range(0, len(said), TURNS)
    ]
    report.latency("on_session_end with one new turn", each(memory.on_session_end, turns))
    report.latency(
        "on_session_end, everything known",
        each(memory.on_session_end, [[message for turn in turns for message in turn]] * 5),
    )
    writes = [f"The port of service {i} is {9000 + i}." for i in range(rounds)]
    report.latency("on_memory_write add", each(lambda text: memory.on_memory_write("add", "memory", text), writes))
    replaced = [
        (f"The port of service {i} is {9000 + i}.", f"The port of service {i} is {8000 + i}.") for i in range(rounds)
    ]
    replace = lambda pair: memory.on_memory_write("replace", "memory", pair[1], {"old_text": pair[0]})
    report.latency("on_memory_write replace", each(replace, replaced))
    memory.close()
