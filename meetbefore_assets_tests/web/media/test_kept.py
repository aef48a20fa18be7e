"""What is kept in memory of pictures: so many bytes, and nothing of a version that is over."""

from meetbefore_assets.web.media.kept import Kept


def test_what_was_put_is_there_until_there_is_no_room() -> None:
    kept = Kept(10)
    kept.put("v", "1", {"a": b"12345", "b": b"12345"}.items())
    assert kept.get("v", "1", "a") == b"12345"
    kept.put("v", "1", {"c": b"1"}.items())  # b was used longest ago
    assert [kept.get("v", "1", key) for key in "abc"] == [b"12345", None, b"1"]
    kept.put("v", "1", {"large": b"x" * 11}.items())
    assert [kept.get("v", "1", key) for key in ("a", "c", "large")] == [None, None, None]


def test_the_same_key_twice_takes_its_room_once() -> None:
    kept = Kept(10)
    for _ in range(3):
        kept.put("v", "1", {"a": b"12345"}.items())
    kept.put("v", "1", {"b": b"12345"}.items())
    assert kept.get("v", "1", "a") == kept.get("v", "1", "b") == b"12345"


def test_another_version_lets_go_of_the_group_and_of_no_other() -> None:
    kept = Kept(100)
    kept.put("v", "1", {"a": b"1"}.items())
    kept.put("w", "1", {"a": b"2"}.items())
    assert kept.get("v", "2", "a") is None
    assert kept.get("v", "1", "a") is None
    assert kept.get("w", "1", "a") == b"2"
    kept.check(lambda _group: "2")
    assert kept.get("w", "1", "a") is None
