"""The products pages."""

from flask import Blueprint

bp = Blueprint("products", __name__)
