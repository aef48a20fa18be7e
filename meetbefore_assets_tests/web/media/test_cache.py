"""What is cache in memory of pictures: so many bytes, and nothing of a version that is over."""

from meetbefore_assets.web.media.cache import Cache


def test_what_was_put_is_there_until_there_is_no_room() -> None:
    cache = Cache(10)
    cache.put("v", "1", {"a": b"12345", "b": b"12345"}.items())
    assert cache.get("v", "1", "a") == b"12345"
    cache.put("v", "1", {"c": b"1"}.items())  # b was used longest ago
    assert [cache.get("v", "1", key) for key in "abc"] == [b"12345", None, b"1"]
    cache.put("v", "1", {"large": b"x" * 11}.items())
    assert [cache.get("v", "1", key) for key in ("a", "c", "large")] == [None, None, None]


def test_the_same_key_twice_takes_its_room_once() -> None:
    cache = Cache(10)
    for _ in range(3):
        cache.put("v", "1", {"a": b"12345"}.items())
    cache.put("v", "1", {"b": b"12345"}.items())
    assert cache.get("v", "1", "a") == cache.get("v", "1", "b") == b"12345"


def test_another_version_lets_go_of_the_group_and_of_no_other() -> None:
    cache = Cache(100)
    cache.put("v", "1", {"a": b"1"}.items())
    cache.put("w", "1", {"a": b"2"}.items())
    assert cache.get("v", "2", "a") is None
    assert cache.get("v", "1", "a") is None
    assert cache.get("w", "1", "a") == b"2"
    cache.check(lambda _group: "2")
    assert cache.get("w", "1", "a") is None
