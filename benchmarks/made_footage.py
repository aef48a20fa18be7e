"""Made footage: clips in which photographs of people appear, drawn by a given script, for each half of the people separately.

Kinds: normal, hard (small, dark, blurred), regulars (a dozen people in 6 to 12 clips, each time with another look), companion (one
of many looks nearly always there), weather (regulars under motion, noise, backlight, compression, something over half the face).
"""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

KINDS: dict[str, tuple[str, ...]] = {
    "normal": ("--recurring", "30"),
    "hard": ("--recurring", "30", "--hard"),
    "regulars": ("--recurring", "14", "--regulars", "12"),
    "companion": ("--recurring", "20", "--companion"),
    "weather": ("--recurring", "14", "--regulars", "12", "--weather"),
}
HALVES = "AB"
# Frames are looked at once a second: two a second are as good as 25, and drawn in a tenth of the time.
_CLIPS = ("--videos", "12", "--seconds", "36", "--fps", "2")

WOMEN = frozenset(
    [
        "Amanda_Bynes",
        "Anna_Kournikova",
        "Carmen_Electra",
        "Cherie_Blair",
        "Condoleezza_Rice",
        "Deepika_Padukone",
        "Diana_Krall",
        "Elizabeth_Hurley",
        "Erika_Harold",
        "Gloria_Trevi",
        "Goldie_Hawn",
        "Gwyneth_Paltrow",
        "Halle_Berry",
        "Hillary_Clinton",
        "Jennifer_Capriati",
        "Jennifer_Garner",
        "Jennifer_Keller",
        "Julianne_Moore",
        "Julie_Gerberding",
        "Justine_Pasek",
        "Kalpana_Chawla",
        "Kpop_Bona",
        "Laura_Linney",
        "Lindsay_Davenport",
        "Lucy_Liu",
        "Maria_Sharapova",
        "Martina_McBride",
        "Mary_Carey",
        "Meryl_Streep",
        "Nancy_Pelosi",
        "Natalie_Maines",
        "Norah_Jones",
        "Paula_Radcliffe",
        "Princess_Caroline",
        "Reese_Witherspoon",
        "Sachiko_Yamada",
        "Sarah_Jessica_Parker",
        "Vanessa_Redgrave",
        "Venus_Williams",
    ]
)


def make(script: Path, photos: Path, kind: str, half: str, seed: int, folder: Path) -> Path:
    """Clips of one kind with a truth.csv; made once and kept.

    Args:
        script: draws clips from photographs; takes the options in KINDS.
        photos: folder with photographs and photos.csv.
        kind: of KINDS.
        half: of HALVES; nobody is in both.
        seed: 1, 2, ...
        folder: in which sets are kept.
    """
    made = folder / f"{kind}-{half}-{seed}"
    if (made / "truth.csv").exists():
        return made
    made.mkdir(parents=True, exist_ok=True)
    listed = made / "photos.csv"
    companions = _write_half(photos / "photos.csv", listed, half)
    options = [*KINDS[kind], *([companions[seed % len(companions)]] if kind == "companion" else [])]
    number = str(10 * seed + 5 * HALVES.index(half))
    subprocess.run([sys.executable, str(script), str(photos), str(listed), str(made), "--seed", number, *_CLIPS, *options], check=True)
    return made


def _write_half(photos: Path, listed: Path, half: str) -> list[str]:
    """Write the list of photographs of half of the people; returns the people with most photographs."""
    with photos.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counts = Counter(row["identity"] for row in rows)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    mine = [name for place, name in enumerate(ranked) if HALVES[place % 4 in (1, 2)] == half]
    with listed.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["identity"] in mine)
    return mine[:6]


def sources(photos: Path) -> dict[str, str]:
    """identity -> "press photographs" (LFW) or "other photographs"."""
    with (photos / "photos.csv").open(newline="", encoding="utf-8") as file:
        return {row["identity"]: "press" if "lfw" in row["path"].lower() else "other" for row in csv.DictReader(file)}
