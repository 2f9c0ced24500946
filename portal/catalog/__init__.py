"""What is offered: API products with real documentation, plans, and the catalogues that publish them."""

from portal.catalog.models import (
    OPEN_PRODUCT_STATES,
    PRODUCT_MOVES,
    REQUESTABLE_METHODS,
    ApiDescription,
    ApiProduct,
    AuthMethod,
    Catalogue,
    Plan,
    PlanState,
    ProductState,
    product_owner,
)
from portal.catalog.offers import Offer, find_offer, find_visible_product, offers_of

__all__ = [
    "OPEN_PRODUCT_STATES",
    "PRODUCT_MOVES",
    "REQUESTABLE_METHODS",
    "ApiDescription",
    "ApiProduct",
    "AuthMethod",
    "Catalogue",
    "Offer",
    "Plan",
    "PlanState",
    "ProductState",
    "find_offer",
    "find_visible_product",
    "offers_of",
    "product_owner",
]
