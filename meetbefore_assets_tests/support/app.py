"""The app over a small home with fake videos, whose faces have real pictures; served in this process, and asked without a browser."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from starlette.testclient import TestClient

from meetbefore_assets.core.ports import F32, U8, FaceImaging
from meetbefore_assets.home.home import Home
from meetbefore_assets.web.app import make_app
from meetbefore_assets.web.login import Login
from meetbefore_assets.web.one_time_links import make_token
from meetbefore_assets.web.serve import make_server
from meetbefore_assets_tests.support.fakes import FakeFaces, FakeImaging, fake_home, write_video
from meetbefore_assets_tests.support.project import StepsAlone

ANN, BOB, CAT, DAN, EVE, PASSER_BY = 1, 2, 3, 4, 5, 6
DAYS = tuple(f"DJI_202503{day:02d}080000_0001_D.mp4" for day in range(3, 11))
# Who is seen on which of the days: on so few that nobody is taken for a companion.
SEEN = {ANN: (0, 3, 6), BOB: (0, 4, 7), CAT: (1, 5), DAN: (2, 6), EVE: (3, 7), PASSER_BY: (5,)}


class Pictures(FakeImaging):
    """Fakes whose JPEG files a browser can show."""

    def thumbnail(self, image: U8, box: F32, side: int) -> bytes:
        return _jpeg(np.full((side, side, 3), image[int(box[1]), int(box[0])], np.uint8))

    def encode_jpeg(self, image: U8, quality: int, max_side: int = 0) -> bytes:
        return _jpeg(image)


class FacesWithPictures(FakeFaces):
    """Fake models; pictures that can be shown."""

    def open_imaging(self) -> FaceImaging:  # type: ignore[override]
        return Pictures()


def _jpeg(image: U8) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def _home(folder: Path) -> Home:
    home = fake_home(folder)
    return replace(home, adapters=replace(home.adapters, faces=FacesWithPictures("squares-1", "colours-1")))


def make_project(root: Path) -> StepsAlone:
    """Five people are met again; one was seen once."""
    project = StepsAlone(root)
    project.home = _home(project.folder)
    for number, name in enumerate(DAYS):
        who = [person for person, days in SEEN.items() if number in days]
        # In one picture only with the passer-by, since those who are cannot be merged.
        in_turn = [who] if PASSER_BY in who else [[person] for person in who]
        write_video(project.videos, name, [moment for seen in in_turn for moment in (seen, seen, [], [], [])] + [who[:1]])
    project.process()
    project.match()
    return project


def copy_of(home: Home, folder: Path) -> Home:
    """The same home in another folder, for a test that changes it."""
    shutil.copytree(home.folder, folder)
    return _home(folder)


@dataclass(frozen=True)
class Asked:
    """The app, asked without a browser: `client` was let in, and `token` is that of its forms."""

    home: Home
    client: TestClient
    token: str

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.text

    def post(self, path: str, **fields: object) -> str:
        """The page to which a form leads, or that says why nothing was done."""
        answer = self.client.post(path, data={"token": self.token, **fields})
        assert answer.status_code in (200, 409), (path, answer.status_code, answer.text[:500])
        return answer.text


@contextmanager
def asked(home: Home) -> Iterator[Asked]:
    """The app's own pages behind the login."""
    app = make_app(home)
    with TestClient(Login(app, home.folder, 3000), "http://127.0.0.1:3000") as client:
        client.get(f"/enter?token={make_token(home.folder)}", headers={"accept": "text/html"})
        page = client.get("/people").text
        yield Asked(home, client, page.partition('name="token" value="')[2].partition('"')[0])


@contextmanager
def served(home: Home) -> Iterator[str]:
    """An address of this machine at which the app answers: one that lets a browser in, once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, has_started = listener.getsockname()[1], threading.Event()
        server = make_server(home, port, "127.0.0.1", "", None, has_started.set)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert has_started.wait(60)
        try:
            yield f"http://127.0.0.1:{port}/enter?token={make_token(home.folder)}"
        finally:
            server.should_exit = True
            thread.join(60)
