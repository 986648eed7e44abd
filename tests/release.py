"""Run every lab on course seeds that nobody has seen and write down what held:
``make release``.

The seeds are drawn at random and written into replications.json before any lab
runs, so that no draw can be taken back. Each is used once: after a change of a
lab, its next seeds are others. What failed stays in the file. The run may be
interrupted and repeated: it goes on where it was.
"""

import json
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import labs
import nbformat
import replicate
from progress import ROOT, alone, check_pace, program
from replications import NAME, fingerprint, read

# Seeds below 100 are for those who write experiments and bounds.
FRESH = range(100, 10_000)
COUNT = 5


def write(root: Path, file: dict) -> None:
    """Write the file, whole or not at all."""
    new = root / f"{NAME}.new"
    text = json.dumps(file, indent=1, ensure_ascii=False, sort_keys=True)
    new.write_text(f"{text}\n", encoding="utf8")
    new.replace(root / NAME)


def draw(file: dict, count: int) -> list[int]:
    """Draw seeds that were never used, and note them as used."""
    free = sorted(set(FRESH) - set(file["used"]))
    seeds = random.SystemRandom().sample(free, count)
    file["used"] = sorted([*file["used"], *seeds])
    return seeds


def begin(file: dict, found: list[Path], root: Path, count: int) -> None:
    """Give every lab that changed since its last run fresh seeds."""
    hashes = {lab.stem: fingerprint(lab, root) for lab in found}
    known = file["labs"]
    file["labs"] = {name: known[name] for name in hashes if name in known}
    changed = [
        name
        for name, now in hashes.items()
        if known.get(name, {}).get("hash") != now
    ]
    seeds = draw(file, count) if changed else []
    for name in changed:
        file["labs"][name] = {
            "hash": hashes[name],
            "seeds": seeds,
            "done": [],
            "claims": {},
        }


def enter(
    file: dict, lab: str, seed: int, notebook: nbformat.NotebookNode
) -> None:
    """Write down what an executed lab found: of each claim the estimate and
    whether it held; of what failed the sentence.
    """
    known, day = file["labs"][lab], datetime.now(UTC).strftime("%Y-%m-%d")
    made = replicate.claims(notebook)
    failed = [
        (name, each["sentence"])
        for name, each in made.items()
        if not each["holds"]
    ]
    errors = replicate.other_errors(notebook) + replicate.unmade(notebook)
    failed += [("", error) for error in errors]
    for name, each in made.items():
        known["claims"].setdefault(name, {})[str(seed)] = [
            float(f"{each['value']:.6g}"),
            each["holds"],
        ]
    for name, sentence in failed:
        file["failures"].append(
            {
                "lab": lab,
                "claim": name,
                "seed": seed,
                "day": day,
                "sentence": sentence,
            }
        )
    known["done"].append(seed)


def missing(known: dict) -> list[tuple[str, int]]:
    """Return the claims that a lab made on some of its seeds only, for it
    stopped before.
    """
    return [
        (name, seed)
        for name, runs in known["claims"].items()
        for seed in known["done"]
        if str(seed) not in runs
    ]


def report(file: dict) -> int:
    """Print where each lab's claims held and return how many did not hold
    everywhere, or were not made.
    """
    bad = 0
    for lab, known in file["labs"].items():
        for name, seed in missing(known):
            known["claims"][name][str(seed)] = [None, False]
        failed = {
            name: [seed for seed, (_, holds) in runs.items() if not holds]
            for name, runs in known["claims"].items()
        }
        count, seeds = len(failed), len(known["done"])
        held = sum(not each for each in failed.values())
        print(f"{lab}: {held} of {count} claims held on {seeds} fresh seeds")
        for name, where in failed.items():
            if where:
                print(f"  {name} failed on {', '.join(where)}")
        bad += count - held + (not count)
    return bad


def main(found: list[Path], root: Path = ROOT, count: int = COUNT) -> int:
    """Run what has not run, write the file after every lab, report."""
    file = read(root)
    begin(file, found, root, count)
    write(root, file)
    stopped = 0
    for seed in file["used"]:
        todo = [
            lab
            for lab in found
            if seed in file["labs"][lab.stem]["seeds"]
            and seed not in file["labs"][lab.stem]["done"]
        ]

        def keep(
            lab: Path, notebook: nbformat.NotebookNode, _: float, seed=seed
        ) -> None:
            enter(file, lab.stem, seed, notebook)
            write(root, file)

        if todo:
            stopped += replicate.execute_all(seed, todo, keep)
    bad = report(file)
    write(root, file)
    print(
        "Every claim held on every fresh seed."
        if not bad + stopped
        else "A claim that failed is mended by science: more seeds, a weaker"
        " sentence, a null. Another draw mends nothing."
    )
    return 1 if bad + stopped else 0


if __name__ == "__main__":
    if os.environ.get("COURSE_SEED", "0") != "0":
        sys.exit("make release draws the seeds itself: unset COURSE_SEED")
    check_pace()
    with alone():
        program(lambda: main(labs.find_labs()))
