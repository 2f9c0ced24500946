"""An envelope for an emergency whose product or plan has ended since it was set."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.catalog import PlanState, ProductState
from portal.db import transaction
from portal.errors import Conflict
from tests.support.builders import make_app, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.mark.parametrize(("part", "state"), [("product", ProductState.RETIRED), ("plan", PlanState.RETIRED)])
def test_it_says_in_the_emergency_itself_that_somebody_has_to_set_it_up_anew(part, state):
    engineer, plan = make_user(), make_plan("Night")
    product = make_product("Payments", plans=[plan])
    app, administrator = make_app(engineer), make_user(RoleName.ADMINISTRATOR)
    with transaction():
        envelope = access.set_envelope(
            access.EnvelopeTerms(
                name="At night",
                product=product,
                plan=plan,
                scopes=product.scope_names[:1],
                most_minutes=60,
                people=[engineer],
            ),
            by=administrator,
        )
    with transaction():
        getattr(envelope, part).state = state

    with (
        pytest.raises(Conflict, match=r"cannot be had any more\. An administrator has to set this up anew"),
        transaction(),
    ):
        access.break_glass(envelope, app, by=engineer, reason="Down.", minutes=5, step_up="password")
