"""`python -m tests.fuzz`: the readers, guided by which lines of the package they reach.

atheris instruments the package and keeps what reaches something new; its own changes of bytes and
those of `mutation` take turns. Each reader runs in a process of its own, for its share of the time:
libFuzzer ends its process when something was found, and a reader may take the process with it.
The corpus is kept under .cache/fuzz, and goes on growing with the next run. What breaks a reader is
written to .cache/fuzz/found, and the command that shows it again is printed.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".cache" / "fuzz"
FOUND = PLACE / "found"


def main() -> int:
    """The exit status: 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for all readers together")
    parser.add_argument("--reader", action="append", help="only this one; may be repeated")
    parser.add_argument("--reproduce", type=Path, metavar="FILE", help="read it once more")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        _fuzz(asked.reader[0], asked.seconds)
        return 0

    from tests.fuzz.registry import BY_NAME

    unknown = [name for name in asked.reader or () if name not in BY_NAME]
    if unknown:
        parser.error(f"no reader {unknown[0]!r}; there are: {', '.join(BY_NAME)}")
    if asked.reproduce is not None:
        BY_NAME[_reader_of(asked.reproduce, asked.reader)](asked.reproduce.read_bytes())
        print("nothing happened")
        return 0
    if find_spec("atheris") is None:
        parser.error("atheris is not installed; `make fuzz` installs it")
    names = asked.reader or list(BY_NAME)
    return 1 if sum([_run(name, max(1, asked.seconds // len(names))) for name in names]) else 0


def _folder(name: str) -> str:
    return name.replace(" ", "-")


def _reader_of(path: Path, named: list[str] | None) -> str:
    """The reader that a file was found with: its name begins with it."""
    return named[0] if named else path.name.partition("--")[0].replace("-", " ")


def _run(name: str, seconds: int) -> bool:
    """Whether something was found, or the reader could not be run to its end."""
    FOUND.mkdir(parents=True, exist_ok=True)
    before = set(FOUND.iterdir())
    command = [sys.executable, "-m", "tests.fuzz", "--inside", "--reader", name]
    log = PLACE / f"{_folder(name)}.log"
    begun = time.monotonic()
    with log.open("wb") as said:
        status = subprocess.run(
            [*command, "--seconds", str(seconds)], cwd=ROOT, stdout=said, stderr=said, check=False
        ).returncode
    found = sorted(set(FOUND.iterdir()) - before)
    kept = len(list((PLACE / "corpus" / _folder(name)).glob("*")))
    print(f"{name}: {time.monotonic() - begun:.0f} s, {kept} texts kept", flush=True)
    for path in found:
        shown = path.relative_to(ROOT)
        print(f"  FOUND: see {log.relative_to(ROOT)}, and again with")
        print(f"  python -m tests.fuzz --reader '{name}' --reproduce '{shown}'", flush=True)
    if status and not found:
        print(f"  ENDED with status {status}: see {log.relative_to(ROOT)}", flush=True)
    return bool(found or status)


def _fuzz(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["fastmcp"]):
        from tests.fuzz.mutation import LONGEST, mutated
        from tests.fuzz.registry import BY_NAME

    # The server warns of each token that it refuses.
    logging.getLogger("fastmcp.server.auth").setLevel(logging.ERROR)
    reader = BY_NAME[name]
    corpus = PLACE / "corpus" / _folder(name)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(reader.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)

    def change(data: bytes, longest: int, chance: int) -> bytes:
        if chance % 2:
            return atheris.Mutate(data, longest)
        return mutated(data, Random(chance), reader.words, reader.seeds)[:longest]

    arguments = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={FOUND}/{_folder(name)}--",
        "-timeout=30",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
    ]
    atheris.Setup(arguments, reader, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
