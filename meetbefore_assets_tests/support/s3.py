"""An S3 server on this machine, for tests: one a process, a bucket a test."""

import os
import secrets
from functools import cache

import requests
from moto.server import ThreadedMotoServer


@cache
def endpoint() -> str:
    """Start the server; its address. It ends with the process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def environment() -> dict[str, str]:
    """What programs need to know to reach the server."""
    return {
        "AWS_ENDPOINT_URL": endpoint(),
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_REGION": "us-east-1",
    }


def new_bucket() -> str:
    """The URL of a bucket that nobody else uses; the environment of this process leads to its server from now on."""
    os.environ.update(environment())
    name = f"tests-{secrets.token_hex(6)}"
    requests.put(f"{endpoint()}/{name}", timeout=60).raise_for_status()
    return f"s3://{name}"
