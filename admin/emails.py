"""The emails pages."""

from flask import Blueprint

bp = Blueprint("emails", __name__)
