"""Who may look into a folder: what is made is closed, what is shared on purpose stays shared, and what is open is found and closed."""

import os
import stat
from pathlib import Path

import pytest

from meetbefore_assets.storage.atomic_file import write_private
from meetbefore_assets.storage.file_locks import hold
from meetbefore_assets.storage.private_folder import close_new_home, file_mode, mask_process, open_to_others, private_folder, set_access
from meetbefore_assets.storage.scratch import scratch


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_all_that_is_made_of_a_folder_is_closed(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "a" / "b" / "c") == tmp_path / "a" / "b" / "c"
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700] * 3
    (tmp_path / "open").mkdir()
    private_folder(tmp_path / "open")
    assert mode(tmp_path / "open") == 0o755  # it is somebody's


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(FileExistsError):
            private_folder(path)


def test_in_a_folder_that_is_shared_on_purpose_all_is_shared_with_its_group_and_nobody_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o2775)
    mask_process(home)
    write_private(home / "record" / "table", b"")
    with hold(home / "locks", "x", 0), scratch(home / "tmp" / "scratch") as made:
        assert mode(made) == 0o2770
        assert mode(home / "locks" / "x.lock") == 0o660
    (home / "record" / "by-a-library").touch()
    assert [mode(home / name) for name in ("record", "record/table", "record/by-a-library")] == [0o2770, 0o660, 0o660]
    for other in (0o775, 0o2755, 0o700):
        home.chmod(other)
        assert file_mode(home) == 0o600


def test_a_process_that_works_on_a_home_makes_nothing_that_others_may_read(tmp_path: Path) -> None:
    mask_process(tmp_path / "none")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert (mode(tmp_path / "file"), mode(tmp_path / "folder")) == (0o600, 0o700)


@pytest.mark.parametrize(
    ("names", "before", "after"),
    [
        ([], 0o755, 0o700),
        (["README.md", "demo", "videos", "dagster", "settings.toml", ".gitignore"], 0o755, 0o700),
        (["videos"], 0o2775, 0o2775),  # shared on purpose
        (["thesis.odt"], 0o755, 0o755),  # for others, perhaps
        (["record"], 0o755, 0o755),  # `doctor --fix`
    ],
)
def test_a_folder_that_becomes_a_home_is_closed(tmp_path: Path, names: list[str], before: int, after: int) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in names:
        (home / name).mkdir()
    home.chmod(before)
    close_new_home(home)
    assert mode(home) == after
    if "dagster" in names:
        assert mode(home / "dagster") == 0o700
    close_new_home(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o700


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An open home with a link that leads out of it, a pipe, recordings, and a closed folder with an open file."""
    home = tmp_path / "home"
    for name in ("record/tracks", "videos", "closed"):
        (home / name).mkdir(parents=True)
    for name in ("record/tracks/t.parquet", "settings.toml", "videos/a.mp4", "closed/inside"):
        (home / name).write_text("x")
    (tmp_path / "outside").write_text("x")
    (home / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(home / "pipe")
    (home / "closed").chmod(0o700)
    (home / "settings.toml").chmod(0o600)
    return home


def test_what_others_can_reach_is_found(tree: Path) -> None:
    found = [path.relative_to(tree).as_posix() for path in open_to_others([tree], has_group=False, exclude=[tree / "videos"])]
    assert found == [".", "record", "record/tracks", "record/tracks/t.parquet", "videos"]
    tree.chmod(0o700)
    assert open_to_others([tree], has_group=False) == []
    tree.chmod(0o711)  # nobody can list it, but whoever knows a name comes in
    assert tree / "record" in open_to_others([tree], has_group=False)
    tree.chmod(0o750)
    assert open_to_others([tree], has_group=False)
    assert open_to_others([tree], has_group=True) == []
    assert open_to_others([tree / "none"], has_group=False) == []


def test_it_is_closed_and_recordings_and_what_links_lead_to_stay_as_they_are(tree: Path) -> None:
    changed, refused = set_access([tree], has_group=False, exclude=[tree / "videos"])
    assert (changed, refused) == (6, [])
    assert open_to_others([tree], has_group=False, exclude=[tree / "videos"]) == []
    modes = {path.relative_to(tree).as_posix(): mode(path) for path in tree.rglob("*")}
    assert {modes.pop(name) for name in ("link", "videos/a.mp4", "pipe")} == {0o644}
    assert {modes.pop(name) for name in ("record", "record/tracks", "videos", "closed")} == {0o700}
    assert set(modes.values()) == {0o600}
    assert set_access([tree], has_group=False, exclude=[tree / "videos"]) == (0, [])


def test_it_is_opened_to_its_group_and_closed_again(tree: Path) -> None:
    set_access([tree], has_group=True)
    assert open_to_others([tree], has_group=True) == []
    assert (mode(tree), mode(tree / "settings.toml")) == (0o2770, 0o660)
    assert file_mode(tree / "record") == 0o660
    set_access([tree], has_group=False)
    assert open_to_others([tree], has_group=False) == []
    assert file_mode(tree / "record") == 0o600


def test_what_cannot_be_changed_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chmod", refuse)
    changed, refused = set_access([tree / "record"], has_group=False)
    assert changed == 0
    assert refused == [tree / "record", tree / "record" / "tracks", tree / "record" / "tracks" / "t.parquet"]
