"""Where an app and its credentials stand, and what every form of theirs posts to."""

import re

SECRET = re.compile(r"\bp(?:cs|ak)_[0-9A-Za-z]{49}\b")


def app_path(request, rest=""):
    return f"/apps/{request.app_id}{rest}"


def credential_path(request, action):
    return app_path(request, f"/credentials/{request.credential_id}/{action}")


POSTS = [
    "/edit",
    "/delete",
    "/access/{grant}/suspend",
    "/access/{grant}/resume",
    "/access/{grant}/revoke",
    "/credentials/{credential}/reveal",
    "/credentials/{credential}/rotate",
    "/credentials/{credential}/revoke",
]
