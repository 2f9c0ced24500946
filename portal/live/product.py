"""The product pages."""

from flask import Blueprint

bp = Blueprint("product", __name__)
