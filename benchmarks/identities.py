"""Grouping rules compared on several sets, from the same embeddings.

usage: python -m benchmarks.identities [--footage DIR]... [--photos DIR] [--folder-pack DIR] [--casts N] [--sweep]
       python -m benchmarks.identities --made KIND[,KIND...] [--seeds 3] [--script FILE] [--pack YuNet|SCRFD]

Sets: labelled footage (default ../shared/footage/labelled beside the repository, where there is any) with the default pack
and, where ../shared/models or --folder-pack gives a detector, with SCRFD; casts drawn from photographs that were shrunk,
blurred, darkened and compressed, mildly and hard (default ../shared/photos); made-up vectors. Each cell is BCubed F / meeting
F / meeting precision. Every rule has one threshold for all sets; with --sweep, meetbefore's rule at other thresholds, and the
threshold chosen on all sets but one. The first run computes vectors (minutes), which are kept under data/benchmarks.

--made draws footage (see made_footage.py; a script beside the photographs draws it) of some kinds, so many seeds for each half of the
people, and sets meetbefore's rule beside the one by cosines: mean and worst over the sets, how whole people are who are met often, who
is torn apart and who is run together, the difference with an interval, and the false meetings of women and men and of the
photographs' sources.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import identity_report, made_footage
from benchmarks.evaluation import bcubed, meeting
from benchmarks.identity_rules import RULES, Rule, ours
from benchmarks.identity_sets import CACHE, LabelledSet, casts, footage, made_up, photographs
from meetbefore_assets.core.model_packs import LoadedModels
from meetbefore_assets.faces.models.face_models import load_models
from meetbefore_assets.faces.models.find_pack import find_pack

SHARED = Path(__file__).resolve().parents[2] / "shared"
MEASURES = ("BCubed F", "meeting F", "meeting precision")
SWEEP = np.round(np.arange(0.34, 0.47, 0.01), 2)
Sets = dict[str, list[LabelledSet]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footage", type=Path, action="append", help="folder with videos and truth.csv; may be given again")
    parser.add_argument("--photos", type=Path, default=SHARED / "photos", help="folder with photographs and photos.csv")
    parser.add_argument("--folder-pack", type=Path, help="folder with an SCRFD detector and a recogniser")
    parser.add_argument("--casts", type=int, default=8, help="casts a kind of photographs")
    parser.add_argument("--made", help="kinds of made footage, with commas between: normal, hard, regulars, companion, weather")
    parser.add_argument("--seeds", type=int, default=3, help="made sets of each kind and half of the people")
    parser.add_argument("--script", type=Path, default=SHARED / "make_footage.py", help="draws made footage")
    parser.add_argument("--pack", choices=("YuNet", "SCRFD"), help="only this pack, of made footage")
    parser.add_argument("--sweep", action="store_true", help="also show what the threshold does")
    arguments = parser.parse_args()
    if arguments.made:
        print_made(arguments)
        return
    sets = collect(arguments)
    print_table(sets)
    if arguments.sweep:
        print_sweep(sets)


def collect(arguments: argparse.Namespace) -> Sets:
    """All sets for which material is at hand."""
    sets: Sets = {}
    for tag, pack in packs(arguments.folder_pack).items():
        for folder in arguments.footage or [SHARED / "footage" / "labelled"]:
            if (folder / "truth.csv").exists():
                sets[f"{folder.name}, {tag}"] = [footage(folder, pack)]
        if (arguments.photos / "photos.csv").exists():
            mild = photographs(arguments.photos, pack, is_hard=False, seed=1)
            hard = photographs(arguments.photos, pack, is_hard=True, seed=2)
            for kind, pools in {"mild": [mild], "hard": [hard], "mixed": [mild, hard]}.items():
                sets[f"casts {kind}, {tag}"] = list(casts(pools, arguments.casts, seed=3))
    sets["made-up 300"] = [made_up(300, seed) for seed in range(4)]
    sets["made-up 1000"] = [made_up(1000, seed) for seed in range(2)]
    return sets


def packs(folder: Path | None) -> dict[str, LoadedModels]:
    """The default pack, and SCRFD + SFace if an SCRFD file is at hand."""
    default = find_pack("sface", Path("data"))
    found = {"YuNet": load_models(default, device="cpu", threads=1)}
    scrfd = SHARED / "models" / "scrfd_2.5g_kps.onnx"
    if folder is not None:
        found[folder.name] = load_models(find_pack(str(folder), Path("data")), device="cpu", threads=1)
    elif scrfd.exists():
        with tempfile.TemporaryDirectory() as temporary:
            for path in (scrfd, default.recogniser_path):
                shutil.copy(path, temporary)
            found["SCRFD"] = load_models(find_pack(temporary, Path("data")), device="cpu", threads=1)
    return found


def measure(rule: Rule, threshold: float, sets: Iterable[LabelledSet]) -> NDArray[np.float64]:
    """MEASURES of a rule, averaged over sets."""
    rows = []
    for one in sets:
        groups = rule(one, threshold)
        known = [row for row, person in enumerate(one.person) if person]
        truth, found = [one.person[row] for row in known], [int(groups[row]) for row in known]
        met = meeting(truth, found, [one.video[row] for row in known])
        rows.append((bcubed(truth, found).f, met.f, met.precision))
    return np.mean(rows, axis=0)


def print_table(sets: Sets) -> None:
    print(" / ".join(MEASURES), "\n")
    width = max(map(len, sets))
    for name, members in sets.items():
        print(f"{name} ({len(members)} x {np.mean([len(one.tracks) for one in members]):.0f} tracks)")
        results = {}
        for rule_name, (rule, threshold) in RULES.items():
            started = time.perf_counter()
            results[rule_name] = (*measure(rule, threshold, members), threshold, time.perf_counter() - started)
        best = [max(result[i] for result in results.values()) for i in range(2)]
        for rule_name, (b, m, p, threshold, seconds) in results.items():
            marks = "".join("*" if value >= top - 0.005 else " " for value, top in zip((b, m), best, strict=True))
            print(f"  {rule_name:{width}s} {threshold:.2f}  {b:.4f} / {m:.4f} / {p:.4f} {marks}  {seconds:6.2f} s")
    print("\n*: within 0.005 of the best BCubed F, meeting F")


def print_made(arguments: argparse.Namespace) -> None:
    """Print the previous rule beside the current one on made footage, one block per kind and pack."""
    for tag, pack in packs(arguments.folder_pack).items():
        if arguments.pack not in (None, tag):
            continue
        for kind in arguments.made.split(","):
            folders = [
                made_footage.make(arguments.script, arguments.photos, kind, half, seed, CACHE / "made")
                for seed in range(1, arguments.seeds + 1)
                for half in made_footage.HALVES
            ]
            print_kind(f"{kind}, {tag}", [footage(folder, pack) for folder in folders], made_footage.sources(arguments.photos))


def print_kind(name: str, members: list[LabelledSet], source_of: dict[str, str]) -> None:
    """Print mean and worst metrics of the sets by either rule, and the effect on people."""
    print(f"{name} ({len(members)} sets x {np.mean([len(one.tracks) for one in members]):.0f} tracks): {' / '.join(MEASURES)}")
    parts = {}
    for rule in ("by cosines", "meetbefore"):
        function, threshold = RULES[rule]
        faces = []
        for one in members:
            groups = function(one, threshold)
            known = [row for row, person in enumerate(one.person) if person]
            faces.append(([one.person[row] for row in known], [int(groups[row]) for row in known], [one.video[row] for row in known]))
        scored = np.array([measure(function, threshold, [one]) for one in members])
        print(f"  {rule:12s} mean {_cells(scored.mean(axis=0))}   worst {_cells(scored.min(axis=0))}")
        whole = [identity_report.pieces(*columns) for columns in faces]
        torn = sorted((share, person) for found in whole for person, share in found.items() if share < 0.9)
        shares = [share for found in whole for share in found.values()]
        if shares:
            print(f"     in one piece {np.mean(shares):.3f} of {len(shares)} met often; torn: {_named(torn)}")
        together = [pair for person, group, _ in faces for pair in identity_report.run_together(person, group)]
        print(f"     run together: {len(together)}" + (f" ({'; '.join(' and '.join(pair) for pair in together[:6])})" if together else ""))
        columns = tuple([value for one in faces for value in one[side]] for side in range(3))
        labels = [f"{place}-{label}" for place, one in enumerate(faces) for label in one[1]]
        for of in ({who: "women" if who in made_footage.WOMEN else "men" for who in source_of}, source_of):
            rates = identity_report.false_meetings(columns[0], labels, columns[2], of)
            print("     false meetings: " + ", ".join(f"{kind} {rate:.1%}" for kind, rate in rates.items()))
        parts[rule] = [identity_report.bcubed_parts(person, group) for person, group, _ in faces]
    gain, low, high = identity_report.difference(parts["by cosines"], parts["meetbefore"])
    print(f"  BCubed F {gain:+.4f} (95 of 100 draws of people: {low:+.4f} to {high:+.4f})\n")


def _cells(values: NDArray[np.float64]) -> str:
    return " / ".join(f"{value:.4f}" for value in values)


def _named(torn: list[tuple[float, str]]) -> str:
    return f"{len(torn)}" + (f" ({', '.join(f'{person} {share:.2f}' for share, person in torn[:6])})" if torn else "")


def print_sweep(sets: Sets) -> None:
    print("\nmeetbefore at other thresholds: BCubed F / meeting F / meeting precision")
    curves = {name: np.array([measure(ours, float(t), members) for t in SWEEP]) for name, members in sets.items()}
    for name, curve in curves.items():
        print(f"  {name}")
        print("   ", "  ".join(f"{t:.2f} {b:.3f}/{m:.3f}/{p:.3f}" for t, (b, m, p) in zip(SWEEP, curve, strict=True)))
    print("\nthreshold chosen on all sets but one (BCubed F + meeting F), and what it loses there against the best for that set")
    for name, curve in curves.items():
        others = sum(other[:, :2].sum(axis=1) for key, other in curves.items() if key != name)
        chosen, best = int(np.argmax(others)), int(np.argmax(curve[:, :2].sum(axis=1)))
        lost = curve[best, :2] - curve[chosen, :2]
        print(f"  {name:28s} {SWEEP[chosen]:.2f} (best {SWEEP[best]:.2f}): {lost[0]:+.4f} / {lost[1]:+.4f}")


if __name__ == "__main__":
    main()
