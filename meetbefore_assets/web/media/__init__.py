"""Pictures and videos of the app, found by ids alone: no file path is ever taken from a URL."""

from starlette.routing import Route

from meetbefore_assets.web.media import clips, faces, frames, videos

ROUTES: list[Route] = [*clips.ROUTES, *faces.ROUTES, *frames.ROUTES, *videos.ROUTES]
