"""The catalogues pages."""

from flask import Blueprint

bp = Blueprint("catalogues", __name__)
