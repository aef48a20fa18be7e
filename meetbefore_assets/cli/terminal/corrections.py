"""Prints corrections, their effects, and the history of ids."""

from collections import Counter
from collections.abc import Sequence

import polars as pl
from rich.console import Console
from rich.table import Table

from meetbefore_assets.cli.terminal.ranking import printable
from meetbefore_assets.core import words
from meetbefore_assets.core.errors import UsageError
from meetbefore_assets.core.ports import WHOLE
from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.corrections import KINDS, SIDES, Correction, anchor_rows, in_force, locate
from meetbefore_assets.identities.grouping_input import read_grouping_input
from meetbefore_assets.identities.identity_history import history_table
from meetbefore_assets.identities.known_people import KIND as KNOWN
from meetbefore_assets.identities.known_people import known_matches
from meetbefore_assets.identities.match import ASSET, LastMatch
from meetbefore_assets.identities.policy import policy, usable_tracks
from meetbefore_assets.identities.queries import assigned_faces, find_person, people_table
from meetbefore_assets.identities.stored_corrections import read_corrections, torn_corrections
from meetbefore_assets.publishing.page.cards import labels


def print_outcome(console: Console, home: Home, one: Correction, decided: LastMatch | None) -> None:
    """Print what a correction changed.

    Args:
        console: to print on.
        home: the home.
        one: the correction.
        decided: the matching run that applied it; None if no run was needed, as for a name.
    """
    print_damaged(console, home)
    console.print(f"{_describe(one, _who(home, [one]))} [dim]({one.correction_id}; to take it back: meetbefore undo)[/dim]")
    changed = f"{words.count(decided.churn, 'face')} moved to another person" if decided and decided.churn else "no other person changed"
    console.print(f"{words.count(people_table(home).height, 'person', 'people')} now; {changed}.")


def print_corrections(console: Console, home: Home) -> None:
    """Print a table of all corrections: the people they now refer to, whether they apply, and how many of their faces were found."""
    said = read_corrections(home)
    print_damaged(console, home)
    if not said:
        console.print("No corrections yet. To make one: meetbefore name PERSON NAME, or merge, split, move, not-same, …: meetbefore --help")
        return
    given = read_grouping_input(home, sorted(usable_tracks(home, policy(home).recogniser_id)))
    standing = {one.correction_id for one in in_force(said)}
    broken = {conflict.correction_id for conflict in given.links.conflicts}
    found = Counter(given.stands.located["correction_id"].to_list())
    who, becomes = _who(home, said), _states_of_names(home)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("when", "what", "faces found", "state", "id"):
        table.add_column(title)
    for one in said:
        anchors = sum(len(side) for _, side in one.sides)
        holds = one.kind == "undo" or one.correction_id in standing
        state = "undone" if not holds else "contradicts what is seen now" if one.correction_id in broken else "applies"
        if holds and one.kind == KNOWN:
            state = becomes.get(one.text.casefold(), "waits for the next run")
        if holds and one.kind not in KINDS:
            state = "not known here"
        faces = f"{found[one.correction_id]} of {anchors}" if anchors and holds else ""
        table.add_row(words.stamp(one.created_at, home.zone()), _describe(one, who), faces, state, one.correction_id)
    console.print(table)


def _states_of_names(home: Home) -> dict[str, str]:
    """Imported name in lower case -> its state in words."""
    phrases = {"named": "names {}", "near": "may be {}: see review", "waits": "waits: nobody is like that", "said": "left as you said"}
    rows = known_matches(home).select("name", "state", "person_id").iter_rows()
    return {str(name).casefold(): phrases[state].format(person_id) for name, state, person_id in rows}


# (correction, side) -> name or id of the person that most of its faces belong to now.
Who = dict[tuple[str, str], str]


def _who(home: Home, said: Sequence[Correction]) -> Who:
    faces = assigned_faces(home)
    located = locate(anchor_rows(said), faces).join(faces.select("face_id", "person_id"), on="face_id")
    votes = located.group_by("correction_id", "side", "person_id").agg(pl.len(), pl.col("ordinal").min())
    most = votes.sort("correction_id", "side", -pl.col("len").cast(pl.Int64), "ordinal").unique(
        ["correction_id", "side"], keep="first", maintain_order=True
    )
    called = labels(people_table(home))
    rows = most.select("correction_id", "side", "person_id").iter_rows()
    return {(one, side): printable(called.get(person, person)) for one, side, person in rows}


_ROLES = {"me": "is me", "companion": "travels with me", "ignored": "is ignored"}


def _describe(one: Correction, who: Who) -> str:
    here, there, to = (who.get((one.correction_id, side), "somebody whose faces are gone") for side in SIDES)
    text = printable(one.text)
    faces, sizes = words.count(len(one.here), "face"), f"{len(one.here)} + {len(one.there)} faces"
    if one.kind == "name":
        return f"{here} was named '{text}'" if text else f"{here} lost the name"
    if one.kind == "role":
        return f"{here} {_ROLES.get(one.text, text)}" if text else f"{here} has no role"
    if one.kind == "merge":
        whole = f"{text} people" if text else f"{here} and {there}"
        return f"merged into {here} ({text + ' people, ' if text else ''}{sizes})" if here == there else f"merged {whole} ({sizes})"
    phrases = {
        "not-same": f"{here} is not {there}",
        "split": f"{faces} split from {there}, now {here}",
        "move": f"{faces} moved to {to}" if here == to else f"{faces} moved to {to}, now {here}",
        "not-a-face": f"{faces} said to be none" if len(one.here) > 1 else "1 face said to be none",
        "unsure": f"unsure whether {here} is {there}",
        "portrait": f"another portrait of {here}",
        "known": f"'{text}' was imported",
        "undo": f"undid {text}",
    }
    return phrases.get(one.kind, f"'{printable(one.kind)}', which only a later version of meetbefore knows")


def print_damaged(console: Console, home: Home) -> None:
    """Print the corrections whose files are damaged; all others still apply."""
    for error in torn_corrections(home):
        console.print(f"[red]lost:[/red] {printable(str(error))}")


def print_history(console: Console, home: Home, person: str) -> None:
    """Print how ids changed, oldest first.

    Args:
        console: to print on.
        home: the home.
        person: an id, its beginning, or a name; "" prints the changes of all ids.

    Raises:
        UsageError: no person has or ever had this id or name.
    """
    table = history_table(home)
    if person:
        ids = _ids(home, table, person)
        table = table.filter(pl.col("person_id").is_in(ids) | pl.col("other_person_id").is_in(ids))
    if not table.height:
        console.print("No id changed yet." if not person else "This id never changed.")
    for row in table.iter_rows(named=True):
        before = f" (was {row['threshold_before']:g})" if row["threshold_before"] not in (None, row["threshold"]) else ""
        said = f", {words.count(row['corrections'], 'correction')}" if row["corrections"] else ""
        where = f"{_EVENTS[row['event']]} {row['other_person_id']}".rstrip()
        moment = words.stamp(row["matched_at"], home.zone())
        console.print(
            f"{moment}  {row['person_id']} {where}  [dim]{words.count(row['faces'], 'face')}, {row['threshold']:g}{before}{said}[/dim]"
        )


_EVENTS = {"joined": "joined", "split": "split off", "renumbered": "is now", "gone": "is gone"}


def _ids(home: Home, table: pl.DataFrame, person: str) -> list[str]:
    """The current id of the person with this id or name, and all earlier ids that became it."""
    known = {*table["person_id"], *table["other_person_id"]} - {""}
    begins = sorted(one for one in known if one.startswith(person))
    try:
        now = str(find_person(home, person).row["person_id"])
    except UsageError:
        if len(begins) != 1:
            raise
        now = begins[0]
    stamp = home.store.stamp(ASSET, WHOLE)
    aliases = home.store.get(ASSET, WHOLE).filter(pl.col("person_id") == now)["alias"].to_list() if stamp else []
    return [now, *aliases]
