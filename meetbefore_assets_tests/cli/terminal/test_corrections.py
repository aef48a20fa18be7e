"""What `corrections` lists: when, who by name or id, and whether it applies."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from meetbefore_assets.cli.terminal.corrections import print_corrections
from meetbefore_assets.review import make_corrections
from meetbefore_assets_tests.review.test_make_corrections import ANN, BOB, CAT, MONDAY, TUESDAY, ann, bob, cat
from meetbefore_assets_tests.support.fakes import write_video
from meetbefore_assets_tests.support.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = Project(tmp_path, instance)
        write_video(made.videos, MONDAY, [[ANN, BOB], [ANN], [], [], [], [], [CAT], [CAT]])
        write_video(made.videos, TUESDAY, [[ANN], [ANN], [], [], [], [], [BOB], [], [], [], [], [CAT]])
        made.process()
        made.match()
        yield made


def listed(project: Project) -> list[str]:
    out = io.StringIO()
    print_corrections(Console(file=out, width=160, highlight=False), project.home)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_each_correction_is_told_with_its_time_and_who_it_is_about(project: Project) -> None:
    (nothing,) = listed(project)
    assert nothing.startswith("No corrections yet.")
    home, cat_id = project.home, cat(project)
    make_corrections.name_person(home, ann(project), "Anna [red]")
    make_corrections.set_role(home, bob(project), "companion")
    make_corrections.not_same(home, ann(project), cat_id)
    project.match()
    undone = make_corrections.set_role(home, cat_id, "me")
    make_corrections.undo(home)
    project.match()
    head, *lines = listed(project)
    assert head.split() == ["when", "what", "faces", "found", "state", "id"]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d  ", line) for line in lines)
    said = [re.split(r" {2,}", line) for line in lines]
    assert [line[1] for line in said] == [
        "Anna [red] was named 'Anna [red]'",
        f"{bob(project)} travels with me",
        f"Anna [red] is not {cat_id}",
        f"{cat_id} is me",
        f"undid {undone.correction_id}",
    ]
    assert [line[-2] for line in said] == ["applies", "applies", "applies", "undone", "applies"]
    assert said[0][2] == "2 of 2"


def test_a_merge_names_whom_the_faces_belong_to_now(project: Project) -> None:
    home, first, second = project.home, bob(project), cat(project)
    make_corrections.merge(home, first, second)
    assert f"merged {first} and {second} (2 + 2 faces)" in listed(project)[1]
    project.match()
    assert f"merged into {bob(project)} (2 + 2 faces)" in listed(project)[1]
