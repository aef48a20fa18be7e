"""Describes a correction as a sentence, for the notice after an answer and for the list of corrections."""

from collections.abc import Sequence
from dataclasses import dataclass

from meetbefore_assets.identities.corrections import KINDS
from meetbefore_assets.review.live_view import Said
from meetbefore_assets.web.pages.reading import State
from meetbefore_assets.web.words import Language

# Sentences of a notice; the rest is counted.
MOST_SENTENCES = 3


@dataclass(frozen=True)
class CorrectionNotice:
    """The corrections that were just made, in words, and how to undo them.

    Attributes:
        text: in words.
        correction_ids: ids that an undo must name, the latest first.
        is_undo: all of them are undos, so the button reads "redo".
    """

    text: str
    correction_ids: tuple[str, ...]
    is_undo: bool


def correction_notice(correction_ids: str, state: State, language: Language) -> CorrectionNotice | None:
    """The notice about corrections (comma-separated ids) that were just made; None if none of the ids exists."""
    said = {one.correction.correction_id: one for one in state.view.corrections}
    found = [said[one] for one in dict.fromkeys(correction_ids.split(",")) if one in said]
    if not found:
        return None
    first = [sentence(one, said, state, language) for one in found[:MOST_SENTENCES]]
    text = language.listed(
        [*first, *([language.say("company.more", n=len(found) - MOST_SENTENCES)] if len(found) > MOST_SENTENCES else [])]
    )
    ids = tuple(one.correction.correction_id for one in reversed(found))
    return CorrectionNotice(text, ids, is_undo=all(_is_taking_back(one, said) for one in found))


def sentence(one: Said, all_said: dict[str, Said], state: State, language: Language) -> str:
    """Describe one correction, naming the people its faces belong to now."""
    correction, (here, there, to) = one.correction, _labels(one.people, state, language)
    faces = language.count(len(one.here) or len(correction.here), "face")
    kind, text = correction.kind, correction.text
    if kind == "name":
        return language.say("said.name" if text else "said.name.none", here=here, text=text)
    if kind == "role":
        return language.say(f"said.role.{text or 'none'}", here=here)
    if kind == "merge":
        is_done = len({person for person in one.people if person}) == 1
        return language.say("said.merged", here=here) if is_done else language.say("said.merge", here=here, there=there)
    if kind == "undo":
        return _undo_sentence(one, all_said, state, language)
    if kind not in KINDS:
        return language.say("said.other", what=kind)
    return language.say(f"said.{kind}", here=here, there=to if kind == "move" else there, faces=faces, text=text)


def _chain(one: Said, all_said: dict[str, Said]) -> list[Said]:
    """A correction, what it undid, what that undid, and so on."""
    chain = [one]
    while chain[-1].correction.kind == "undo" and chain[-1].correction.text in all_said:
        chain.append(all_said[chain[-1].correction.text])
    return chain


def _is_taking_back(one: Said, all_said: dict[str, Said]) -> bool:
    """Whether it is an undo, not a redo (which undoes an undo)."""
    return len(_chain(one, all_said)) % 2 == 0


def _undo_sentence(one: Said, all_said: dict[str, Said], state: State, language: Language) -> str:
    *_, first = _chain(one, all_said)
    what = first.correction.text if first.correction.kind == "undo" else sentence(first, all_said, state, language)
    return language.say("said.undo" if _is_taking_back(one, all_said) else "said.redo", what=what)


def _labels(people: Sequence[str], state: State, language: Language) -> tuple[str, str, str]:
    first, second, third = [*people, "", "", ""][:3]
    gone = language.say("faces.gone")
    return tuple(state.label(person) if person else gone for person in (first, second, third))  # type: ignore[return-value]
