"""Work that several threads share."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetbefore_assets.core.parallel import PerThread, map_in_order


@given(st.lists(st.integers(), max_size=40), st.integers(0, 8))
def test_results_come_in_the_order_of_the_items(items: list[int], threads: int) -> None:
    assert list(map_in_order(lambda item: item * 2, items, threads)) == [item * 2 for item in items]


def test_slow_ones_are_waited_for() -> None:
    assert list(map_in_order(lambda item: time.sleep(0.02 * (item == 0)) or item, range(12), 4)) == list(range(12))


def test_it_is_worked_on_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=20)
    assert len({id(barrier) for barrier in map_in_order(lambda _item: (together.wait() and together) or together, range(6), 3)}) == 1


@pytest.mark.parametrize("threads", [1, 3])
def test_little_is_taken_before_its_turn(threads: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield item

    results = map_in_order(lambda item: item, items(), threads)
    for done in range(1, 50):
        next(results)
        assert taken <= done + 2 * threads


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_ends_it(threads: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 5:
            raise ValueError("five")
        return item

    results, found = map_in_order(work, range(1000), threads), []
    with pytest.raises(ValueError, match="five"):
        found.extend(results)
    assert found in ([], [0, 1, 2, 3, 4])
    assert len(begun) <= 6 + 2 * threads


class Tool:
    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_each_thread_has_a_tool_of_its_own_and_those_that_were_opened_are_closed() -> None:
    first, opened, used = Tool(), list[Tool](), set[tuple[int, int]]()
    together = threading.Barrier(3, timeout=20)

    def open_one() -> Tool:
        opened.append(Tool())
        return opened[-1]

    with PerThread(first, open_one) as tools:
        assert tools.get() is first

        def use(_item: int) -> None:
            together.wait()
            used.add((threading.get_ident(), id(tools.get())))

        list(map_in_order(use, range(9), 3))
        assert len(used) == len(opened) == 3
        assert tools.get() is first
        assert not any(tool.is_closed for tool in (first, *opened))
    assert all(tool.is_closed for tool in opened)
    assert not first.is_closed


def test_tools_are_closed_when_the_work_fails() -> None:
    first, opened = Tool(), list[Tool]()

    def open_one() -> Tool:
        opened.append(Tool())
        return opened[-1]

    def fail(_item: int) -> None:
        tools.get()
        raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"), PerThread(first, open_one) as tools:
        list(map_in_order(fail, range(3), 3))
    assert opened
    assert all(tool.is_closed for tool in opened)
    assert not first.is_closed
