"""What the forms of the cart are filled with, and what came of it."""

from sqlalchemy import func, select

from portal.catalog import offers_of
from portal.db import db

NEW_APP = {"App name": "Checkout", "Description": "Pays for things", "Redirect URLs": "https://a.example/x"}


def number_of(model, *where):
    return db.session.scalar(select(func.count()).select_from(model).where(*where))


def offer_of(product):
    return {
        "product": product.id,
        "plan": offers_of(product)[0].plan.id,
        "catalogue": offers_of(product)[0].catalogue.id,
    }
