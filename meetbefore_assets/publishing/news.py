"""News in words and as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from meetbefore_assets.core import words
from meetbefore_assets.encounters.news_items import Item, News
from meetbefore_assets.publishing.page.phrases import Phrase, count, same, say, span

# Of one kind so many are told in words.
LISTED = 8


def lines(found: News, zone: str, listed: int = LISTED) -> list[Phrase]:
    """News in words, a line each, the heading first; plain text, not escaped.

    Args:
        found: the news.
        zone: IANA name of the zone of all times.
        listed: of one kind so many lines at most.
    """
    if found.is_empty:
        return [say("news.none")]
    since = Phrase(words.stamp(found.since, zone), words.stamp(found.since, zone))
    head = say("news.videos", videos=count(found.videos, "video"), since=since) if found.videos else say("news.changes", since=since)
    told = [head]
    told += _some([_known(item) for item in found.known], listed)
    told += _some([say("news.regular", person=item.label, days=count(item.days, "day")) for item in found.regulars], listed)
    told += _some([_again(item) for item in found.met_again], listed)
    told += _some([_changed(item) for item in found.changed], listed)
    unknown = found.new_people - len(found.known)
    if unknown:
        told.append(say("news.new", people=count(unknown, "person")))
    return told if len(told) > 1 else [head, say("news.nobody")]


def _some(phrases: Sequence[Phrase], listed: int) -> list[Phrase]:
    more = len(phrases) - listed
    return [*phrases[:listed], *([say("news.more", n=more)] if more > 0 else [])]


def _again(item: Item) -> Phrase:
    gap = same("") if item.gap_h is None else say("news.gap", span=span(item.gap_h))
    counts = {"encounters": count(item.encounters, "encounter"), "days": count(item.days, "day")}
    return say("news.again", person=item.label, gap=gap, **counts, **_place(item))


def _known(item: Item) -> Phrase:
    return say("news.known", person=item.label, **_place(item))


def _changed(item: Item) -> Phrase:
    if item.why == "unsure":
        return say("news.unsure", person=item.label, sure=words.sureness(item.sure))
    return say("news.joined" if item.why == "joined" else "news.split", person=item.label)


def _place(item: Item) -> dict[str, str]:
    return {"file": item.file_name, "offset": words.offset(max(0.0, item.time_s))}


def counts(found: News) -> dict[str, int]:
    """How many of each kind; no names and no ids."""
    kinds = {"met again": found.met_again, "new regulars": found.regulars, "known people met": found.known, "need a look": found.changed}
    return {"new videos": found.videos, "new people": found.new_people, **{name: len(items) for name, items in kinds.items()}}


def as_json(found: News, zone: str) -> str:
    """News for programs: one JSON object; times are ISO 8601, UTC."""
    kinds = {"met_again": found.met_again, "regulars": found.regulars, "known": found.known, "changed": found.changed}
    content: dict[str, Any] = {
        "since": f"{found.since.isoformat()}Z",
        "until": f"{found.until.isoformat()}Z",
        "videos": found.videos,
        "new_people": found.new_people,
        **{kind: [_plain(item) for item in items] for kind, items in kinds.items()},
        "text": [phrase.en for phrase in lines(found, zone)],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _plain(item: Item) -> dict[str, object]:
    told = {name: value for name, value in vars(item).items() if name != "why" or value is not None}
    return {**told, "seen_at": f"{item.seen_at.isoformat()}Z", "time_s": round(item.time_s, 3)}
