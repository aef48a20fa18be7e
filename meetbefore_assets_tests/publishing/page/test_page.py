"""The page: who is on it, what it says of them, and what it must never do."""

import base64
import gzip
import re
import stat
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from meetbefore_assets.cli.main import cli
from meetbefore_assets.core.errors import StoreError, UsageError
from meetbefore_assets.publishing.page import packed_cards, render
from meetbefore_assets.publishing.page.evidence import split_command
from meetbefore_assets.publishing.page.optional_columns import beyond_chance
from meetbefore_assets.publishing.page.pictures import Disguise
from meetbefore_assets.publishing.page.render import write_report, written_version
from meetbefore_assets_tests.support.record import Record, Seen, dji

VOID = {"meta", "img", "input", "br", "link"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Page(HTMLParser):
    """The text of a page as one reads it in one language, its elements, and whether every tag is closed."""

    def __init__(self, path: Path, language: str) -> None:
        super().__init__()
        self.hidden_language = {"en": "zh-CN", "zh-CN": "en"}[language]
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, bool]] = []
        self.words: list[str] = []
        self.prose: list[str] = []  # what is no command
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        is_hidden = tag in ("style", "script") or (tag != "html" and dict(attrs).get("lang") == self.hidden_language)
        if tag not in VOID:
            self.open.append((tag, is_hidden or bool(self.open and self.open[-1][1])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1][0] == tag
        self.open.pop()
        if tag in ("td", "th", "p", "li", "h2", "h3", "h4", "small", "summary"):
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not (self.open and self.open[-1][1]):
            self.words.append(data)
            if not any(tag in ("code", "samp") for tag, _ in self.open):
                self.prose.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    @property
    def people(self) -> list[str]:
        """Who has a card, in order."""
        return [str(attrs["id"]).removeprefix("p-") for tag, attrs in self.elements if tag == "article"]


def read(path: Path, language: str = "en") -> Page:
    return Page(path, language)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Ann is met on three days, Bob on two and together with Ann; Cy once; a clock is in doubt, a video failed, one is away."""
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", range(5, 15), "bob"), Seen("bob", [6.0, 7.0])], {"dropped: too small": "4", "dropped: blurred": "2"})
    record.video(dji(4, 20), [Seen("ann", [61.0]), Seen("bob", [61.0], "ann"), Seen("cy", [70.0])], {"moments not decodable": "3"})
    record.video("holiday.mp4", [Seen("ann", [1.0, 2.0])])
    record.video(dji(9), [Seen("cy2", [1.0])], is_there=False)
    record.failed_video("torn.mp4", "torn.mp4 ends before its index; expected 12 s, found 3 s.")
    return record


def test_people_met_twice_are_shown_and_people_seen_once_are_counted(record: Record) -> None:
    written = write_report(record.finish())
    shown = read(Path(written.path))
    assert shown.people == ["ann", "bob"]
    assert written.people == 2
    assert "4 videos from Monday 3 March 2025 to Sunday 9 March 2025: 4 people seen, 2 strangers met more than once." in shown.text
    assert "2 people seen once: counted, not shown." in shown.text


def test_an_encounter_tells_video_clock_offset_evidence_and_what_to_do_next(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "Mon 3 Mar 2025 08:00:05" in shown.text
    assert f"{dji(3)} 08:00:05–08:00:14 in the video at 0:05–0:14 6 of 10 faces pictured" in shown.text
    assert "Similarity to their other faces 0.62; the next best person is bob at 0.31." in shown.text
    assert "meetbefore show ann" in shown.text
    assert "2 encounters on 2 days over 36 hours, last on Tuesday 4 March 2025" in shown.text


def test_pictures_come_best_first_and_load_late(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    images = [attrs for tag, attrs in shown.elements if tag == "img"]
    assert len(images) == 2 + (6 + 1 + 2) + (2 + 1)
    assert all(image["loading"] == "lazy" and image["decoding"] == "async" and image["alt"] for image in images)
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in images)
    assert [image["alt"] for image in images[1:7]] == [f"ann, 0:{second:02d}" for second in (5, 6, 7, 8, 9, 10)]


def test_strangers_come_first_companions_apart_and_me_not_at_all(record: Record) -> None:
    record.video(dji(5), [Seen("dan", [1.0]), Seen("eve", [1.0])])
    record.video(dji(6), [Seen("dan", [1.0]), Seen("eve", [1.0])])
    home = record.finish(names={"ann": "Ann"}, roles={"ann": "companion", "dan": "me", "eve": "ignored"})
    shown = read(Path(write_report(home).path))
    assert shown.people == ["bob", "ann"]
    assert shown.text.index("meetbefore show bob") < shown.text.index("Companions People who") < shown.text.index("meetbefore show ann")
    assert "1 stranger met more than once, and 1 companion." in shown.text
    assert "2 people not shown because you said so" in shown.text


def test_every_person_and_encounter_can_be_put_right(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    for command in ("name ann", "companion ann", "ignore ann", "merge ann bob", "not-same bob ann", "split bob v0001-bob-0", "undo"):
        assert f"meetbefore {command}" in shown.text
    assert shown.text.count("meetbefore split ann") == 3
    known = {*cli.commands}
    assert set(re.findall(r"meetbefore ([a-z-]+) (?:ann|bob)", shown.text)) <= known


def test_commands_on_the_page_name_one_face_a_track_the_best_first() -> None:
    groups = [
        {"track_id": ["t", "t", "u"], "place": [3, 1, 2], "face_id": ["f3", "f1", "f2"]},
        {"track_id": ["w"], "place": [4], "face_id": ["f4"]},
    ]
    assert split_command("ann", groups) == "meetbefore split ann f1 f2 f4"
    assert split_command("ann", []) == ""


def test_what_an_encounter_rests_on_and_who_was_there(record: Record) -> None:
    home = record.finish()
    stamp = home.store.stamp("encounter_scores", "v0001")
    assert stamp is not None
    rows = home.store.get("encounter_scores", "v0001").with_columns(holds_from=pl.lit(0.31), holds_to=pl.lit(0.6))
    home.store.put("encounter_scores", "v0001", rows, stamp)
    shown = read(Path(write_report(home).path))
    assert shown.text.count("Counts as meeting them again at any threshold from 0.31 to 0.60.") == 2
    assert "Together with bob" in shown.text
    assert "cy" not in shown.text.replace("copying", "")


def test_days_of_the_calendar(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "March 2025" in shown.text
    assert "4: 2 encounters" in shown.text
    assert "9: recorded, nobody met again" in shown.text


def test_pictures_can_be_disguised_and_the_page_is_another_one(record: Record) -> None:
    home = record.finish()
    plain = write_report(home)
    disguise = Disguise("stripes", lambda person, jpeg: b"stripes" if person == "bob" else jpeg)
    changed = write_report(home, disguise=disguise)
    text = Path(changed.path).read_text(encoding="utf-8")
    striped = base64.b64encode(b"stripes").decode()
    assert changed.version != plain.version
    assert text.count(striped) == 1 + 2 + 1
    assert write_report(home, disguise=disguise) == changed


def test_how_many_of_the_people_chance_does_not_explain() -> None:
    people = pl.DataFrame({"chance_q": [0.01, 0.1, 0.3, None]})
    told = beyond_chance(people)
    assert told is not None
    assert told.en == "Met on more days than chance explains: 2 of the people below (at most 10% of these are mere chance)."
    nobody = beyond_chance(people.tail(2))
    assert nobody is not None
    assert nobody.en == "Nobody below was met on more days than chance explains."
    assert beyond_chance(people.drop("chance_q")) is beyond_chance(people.tail(1)) is None


def test_who_is_probably_the_user_is_kept_apart_and_can_say_so(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    for day in range(3, 9):
        record.video(dji(day), [Seen("eve", [0.0, 1.0]), *([Seen("bob", [60.0])] if day < 5 else [])])
    shown = read(Path(write_report(record.finish()).path))
    assert shown.people == ["bob", "eve"]
    assert "probably you" in shown.text
    assert "meetbefore me eve" in shown.text
    assert "meetbefore me bob" not in shown.text


def test_the_first_story_is_open_and_the_others_are_closed(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert ["open" in attrs for tag, attrs in shown.elements if tag == "details"] == [True, False]


def test_who_was_seen_together(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "ann + bob 2" in shown.text
    assert "Seen together with ann ×2" in shown.text


def test_what_was_left_out_and_how_sure_the_clocks_are(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    assert "torn.mp4 ends before its index; expected 12 s, found 3 s." in shown.text
    assert f"Not found in their place any more (1 video); what was learnt before is kept: {dji(9)}" in shown.text
    assert "6 faces found and dropped: blurred 2, too small 4." in shown.text
    assert "3 moments could not be decoded." in shown.text
    assert "file name (dji) 3 0" in shown.text
    assert "time the file was last changed 1 1" in shown.text
    assert "Taken from the time the file was last changed, which copying may alter. holiday.mp4" in shown.text


def test_names_and_file_names_cannot_become_markup(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&\'"><img src=x onerror=alert(1)>'
    record = Record(tmp_path / "home")
    record.video(f"{dji(3)}{evil}.mp4", [Seen("ann", [1.0]), Seen("bob", [1.0])])
    record.video(f"{dji(4)}{evil}.mp4", [Seen("ann", [1.0], "bob"), Seen("bob", [1.0])])
    record.failed_video(f"{evil}.mp4", f"cannot read {evil}")
    path = Path(write_report(record.finish(names={"ann": evil})).path)
    shown = read(path)
    assert sum(tag == "script" for tag, _ in shown.elements) == 1
    assert not [attrs for _, attrs in shown.elements if "onerror" in attrs or attrs.get("src") == "x"]
    assert evil in shown.text
    assert all(f"{alt}".startswith((evil, "bob")) for tag, attrs in shown.elements if tag == "img" for alt in [attrs["alt"]])


def test_people_far_down_are_packed_until_somebody_looks_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(tmp_path / "home")
    for day in (3, 4):
        record.video(f"{dji(day)}</script><marquee>.mp4", [Seen("ann", [1.0]), Seen("bob", [1.0])])
    home = record.finish(names={"bob": "Bob </script>\n<marquee>"})
    whole = Path(write_report(home, tmp_path / "whole.html").path).read_text(encoding="utf-8")
    monkeypatch.setattr(packed_cards, "PLAIN_CARDS", 1)
    path = Path(write_report(home, tmp_path / "packed.html").path)
    shown = read(path)
    assert shown.people == ["ann"]
    assert "marquee" not in {tag for tag, _ in shown.elements}
    (holder,) = [attrs for _, attrs in shown.elements if attrs.get("class") == "late"]
    assert (holder["data-cards"], holder["data-find"]) == ("1", "bob </script> <marquee> bob")
    packed = re.search(r'<script type="text/plain">([A-Za-z0-9+/=]+)</script>', path.read_text(encoding="utf-8"))
    assert packed
    assert gzip.decompress(base64.b64decode(packed[1])).decode() in whole
    assert "1 more people: they appear as you scroll here" in shown.text


def test_nothing_is_fetched(record: Record) -> None:
    path = Path(write_report(record.finish()).path)
    text = path.read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    shown = read(path)
    assert {tag for tag, _ in shown.elements}.isdisjoint({"link", "iframe", "object", "embed", "base", "form"})
    assert all(str(attrs["href"]).startswith("#") for _, attrs in shown.elements if "href" in attrs)
    policy = next(attrs["content"] for tag, attrs in shown.elements if attrs.get("http-equiv") == "Content-Security-Policy")
    style, script = (text.split(f"<{tag}>")[1].split(f"</{tag}>")[0] for tag in ("style", "script"))
    assert policy == render.content_policy(style, script)
    assert str(policy).startswith("default-src 'none'; img-src data:;")
    assert not [attrs for _, attrs in shown.elements if "style" in attrs or any(name.startswith("on") for name in attrs)]


def test_each_language_is_whole_and_free_of_the_other(record: Record) -> None:
    path = Path(write_report(record.finish()).path)
    english, chinese = read(path, "en").text, read(path, "zh-CN").text
    assert not CHINESE.search(english)
    assert "2 次相遇，分布在 2 天，前后跨越 36 小时，最近一次在2025年3月4日周二" in chinese
    prose = " ".join(read(path, "zh-CN").prose)
    for known in ("./data", "--home DIR", "holiday.mp4", "torn.mp4", dji(3), dji(4, 20), dji(9), "ann", "bob", "UTC", "dji", "QuickTime"):
        prose = prose.replace(known, "")
    assert not re.findall(r"[A-Za-z]+", prose.replace("People you keep meeting", ""))


def test_headings_landmarks_and_labels(record: Record) -> None:
    shown = read(Path(write_report(record.finish()).path))
    tags = [tag for tag, _ in shown.elements]
    assert tags.count("h1") == tags.count("main") == tags.count("header") == tags.count("nav") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in shown.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in shown.elements:
        for name in ("aria-labelledby", "for"):
            assert name not in attrs or attrs[name] in ids
        assert not str(attrs.get("href", "#")).removeprefix("#") or str(attrs["href"])[1:] in ids


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_every_ground(theme: int) -> None:
    style = (Path(render.__file__).parent / "page.css").read_text(encoding="utf-8")
    colours = {name: pair[theme] for name, *pair in re.findall(r"--(\w+): light-dark\((#\w{6}), (#\w{6})\)", style)}
    for ink in ("ink", "quiet", "accent", "warn"):
        for ground in ("ground", "card", "soft"):
            bright, dim = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, (ink, ground)


def test_the_same_record_gives_the_same_page(record: Record, tmp_path: Path) -> None:
    home = record.finish()
    first, second = write_report(home, tmp_path / "a.html"), write_report(home, tmp_path / "b.html")
    assert first.version == second.version
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_page_in_step_is_not_written_again(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    home = record.finish()
    written = write_report(home)
    before = Path(written.path).stat().st_ino
    assert write_report(home) == written
    assert Path(written.path).stat().st_ino == before
    again = write_report(record.finish(names={"ann": "Ann"}))
    assert again.version != written.version
    assert written_version(Path(again.path)) == again.version
    assert "Ann" in read(Path(again.path)).text


@pytest.mark.parametrize("change", ["clock", "video", "failure"])
def test_whatever_is_on_the_page_changes_its_version(record: Record, change: str) -> None:
    before = write_report(record.finish()).version
    if change == "clock":
        (record.folder / "settings.toml").write_text('[[clocks]]\nfiles = "holiday*"\noffset_s = 60\n')
    elif change == "video":
        record.video(dji(12), [Seen("cy", [1.0])])
    else:
        record.failed_video("empty.mp4", "empty.mp4 is empty.")
    assert write_report(record.finish()).version != before


def test_an_empty_record_gives_a_page_that_says_so(tmp_path: Path) -> None:
    written = write_report(Record(tmp_path / "home").home)
    assert (written.people, Path(written.path)) == (0, tmp_path / "home" / "report.html")
    shown, chinese = read(Path(written.path)), read(Path(written.path), "zh-CN")
    assert "Nobody was found yet." in shown.text
    assert "还没有找到任何人。" in chinese.text
    assert "Nothing was left out." in shown.text


def test_a_record_without_anybody_met_twice_says_so(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", [1.0])])
    shown = read(Path(write_report(record.finish()).path))
    assert "1 video: 1 person seen, nobody twice yet." in shown.text
    assert "No stranger was met twice yet." in shown.text
    assert not shown.people


def test_a_person_who_was_seen_at_once_in_two_videos_has_one_encounter_there(tmp_path: Path) -> None:
    record = Record(tmp_path / "home")
    record.video(dji(3), [Seen("ann", range(8))])
    record.video(dji(3).replace("_D", "_E"), [Seen("ann", range(8))])
    record.video(dji(5), [Seen("ann", [1.0])])
    shown = read(Path(write_report(record.finish()).path))
    assert "2 encounters on 2 days" in shown.text
    assert sum(tag == "img" for tag, _ in shown.elements) == 1 + 6 + 1
    assert sum(tag == "li" and not attrs for tag, attrs in shown.elements) > 0
    assert shown.text.count("Similarity to their other faces") == 2


def test_the_file_is_the_owners_and_nothing_else_is_left(record: Record) -> None:
    path = Path(write_report(record.finish()).path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(path.parent.glob("*.tmp")) + list(path.parent.glob(".*.tmp"))


def test_a_page_that_cannot_be_made_leaves_the_old_one(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(write_report(record.finish()).path)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_report(record.finish(names={"ann": "Ann"}))
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir() if entry.suffix == ".tmp"] == []


def test_a_destination_that_is_no_file(record: Record, tmp_path: Path) -> None:
    home = record.finish()
    with pytest.raises(UsageError, match="is a folder"):
        write_report(home, tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        write_report(home, tmp_path / "nowhere" / "report.html")
