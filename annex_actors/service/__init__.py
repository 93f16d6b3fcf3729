"""Predictions over HTTP, on this machine only: the actors of a trained network behind a small web application.

`application` answers requests, `server` keeps it up. Both need the extra ``serve`` (Starlette, uvicorn).
"""

from annex_actors.service.application import Application
from annex_actors.service.server import serve

__all__ = ["Application", "serve"]
