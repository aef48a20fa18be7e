"""The addresses of the app's pages over a home."""

import re

from meetbefore_assets.home.home import Home
from meetbefore_assets.identities.queries import assigned_faces
from meetbefore_assets.web.pages import ROUTES


def addresses(home: Home, method: str) -> list[str]:
    """Every address of the pages that takes a method, with ids of one face of the home."""
    face = assigned_faces(home).row(0, named=True)
    found = []
    for route in ROUTES:
        if method in (route.methods or ()):
            path = route.path
            for name in route.param_convertors:
                path = re.sub(rf"{{{name}(:\w+)?}}", str(face[name]), path)
            found.append(path)
    assert len(found) > 5
    return found
