"""The pages of the app: each module exports its `ROUTES`."""

from starlette.routing import Route

from meetbefore_assets.web.pages import changes, corrections, moment, people, person_acts, report, review, threshold, video, videos, whois

ROUTES: list[Route] = [
    *people.ROUTES,
    *person_acts.ROUTES,
    *moment.ROUTES,
    *report.ROUTES,
    *review.ROUTES,
    *corrections.ROUTES,
    *videos.ROUTES,
    *threshold.ROUTES,
    *video.ROUTES,
    *whois.ROUTES,
    *changes.ROUTES,
]
