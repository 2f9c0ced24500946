"""The cart: what is asked for, on which plan, for which app, and the one button that submits it.

What a product's or plan's request form asks beside this is in ``asking``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, flash, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from portal import access, apps, catalog, forms, policies
from portal.access import AccessRequest, CartItem, Category, Problem
from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.catalog import ApiVersion, Environment, Offer
from portal.credentials import Credential
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.forms import Ask
from portal.live import asking, outlook, used_again
from portal.live.asking import Given
from portal.live.cart_form import NEW, CartForm
from portal.live.used_again import Shown
from portal.web import blame, current_person, done, is_htmx, key_of, render, requires

bp = Blueprint("cart", __name__)
PRODUCT_PAGE = re.compile(r"/catalogues/[A-Za-z0-9/_.~%?&=+#-]*", re.ASCII)
TYPED = ("app_name", "app_description", "redirect_urls", "credential_name", "reason")


@bp.get("/cart")
@requires(Right.REQUEST_ACCESS)
def show() -> ResponseReturnValue:
    """The cart as the person left it; for htmx only the choice of credentials, which depends on app and environment."""
    return _show(CartForm(formdata=None, data=asking.draft_fields(current_person())))


@bp.post("/cart/add")
@requires(Right.REQUEST_ACCESS)
def add() -> ResponseReturnValue:
    """Put a product on a plan in the cart (T19)."""
    with transaction():
        offer = _offer()
        access.add_to_cart(offer, by=current_person())
    if is_htmx():
        return render("live/cart/_added.html", product=offer.product, plan=offer.plan)
    back = request.form.get("back", "")
    where = back if PRODUCT_PAGE.fullmatch(back) else url_for("live.cart.show")
    return done(where, f"{offer.product.name} is in your cart.")


@bp.post("/cart/remove")
@requires(Right.REQUEST_ACCESS)
def remove() -> ResponseReturnValue:
    """Take products out of the cart, and keep what was typed beside them."""
    chosen = [key for text in request.form.getlist("item") for part in text.split(",") if (key := key_of(part))]
    with transaction():
        person = current_person()
        _keep_versions(person)
        names = access.remove_from_cart(chosen, by=person)
    return _changed(f"Removed from your cart: {', '.join(names)}." if names else "That was not in your cart any more.")


@bp.post("/cart/plan")
@requires(Right.REQUEST_ACCESS)
def use_plan() -> ResponseReturnValue:
    """Use one plan for the whole cart (T24). A button that names a plan goes before the list."""
    wanted = key_of(request.form.get("use_plan") or request.form.get("plan", ""))
    with transaction():
        person = current_person()
        plan = next((p for p in access.common_plans(access.cart_of(person)) if p.id == wanted), None)
        if plan is None:
            raise Conflict("This plan is not offered for every product in your cart any more. Nothing was changed.")
        access.use_plan(plan, by=person)
        _keep_versions(person)
        name = plan.display_name
    return _changed(f"Your cart is on {name} now.")


@bp.post("/cart/draft")
@requires(Right.REQUEST_ACCESS)
def save_draft() -> ResponseReturnValue:
    """Keep what stands on the page for later; by htmx while the person types, and by the button with files too."""
    form, given = CartForm(), _given()
    with transaction():
        person = current_person()
        if access.cart_count(person):  # a late answer to typing must not bring back what was just submitted
            asking.take_away(key_of(request.form.get("remove_file", "")), given, by=person)
            asking.keep_files(given, by=person)
            if is_htmx():
                asking.leave_files(given, by=person)
            asking.keep_draft(form, given, by=person)
            _keep_versions(person)
    if is_htmx():
        return render("live/cart/_saved.html", draft=forms.draft_of(current_person()))
    if given.refused:
        return _show(form, given=given, status=422)
    return done(url_for("live.cart.show"), "Your draft is saved. Only you see it.")


@bp.post("/cart/outlook")
@requires(Right.REQUEST_ACCESS)
def foresee() -> ResponseReturnValue:
    """Who would decide and why, by what stands on the page now. Nothing is sent or kept."""
    form, given, person = CartForm(), _given(), current_person()
    items = access.cart_of(person)
    _offer_choices(form)
    asked = access.form_of(items, form.environment.data or "")
    if not is_htmx():
        return _show(form, given=given)
    before = form.used_again.data
    _fill_in(form, asked, given)
    return render(
        "live/cart/_foreseen.html",
        form=form,
        foreseen=_foreseen(form, items, asked, given),
        **_plan_context(items),
        is_other_app=form.used_again.data != before,
        **asking.page_context(asked, given, None, by=person),
    )


@bp.post("/cart/check")
@requires(Right.REQUEST_ACCESS)
def check() -> Response:
    """What is missing or wrong, field by field, in JSON for scripts; nothing is sent or kept (C56)."""
    person = current_person()
    items = access.cart_of(person)
    asked = access.form_of(items, _environment_of(items, request.form.get("environment", "")))
    given = asking.given_by(request, asked)
    found = forms.faults(asked, forms.weigh_answers(asked, given.raw, by=person))
    standing = access.problems(items, by=person)
    if items:
        standing += access.reason_problems(items, request.form.get("reason", ""))
    return jsonify(
        complete=bool(items) and not found and not standing and not given.refused,
        environment=asked.environment,
        forms=[{"id": form.id, "name": form.name, "version": form.version} for form in asked.forms],
        fields=[asdict(fault) for fault in found],
        cart=[{"about": problem.category, "message": problem.message} for problem in standing],
    )


@bp.post("/cart/submit")
@requires(Right.REQUEST_ACCESS)
def submit() -> ResponseReturnValue:
    """Turn the cart into access requests, and the new app that was described with them, all or nothing."""
    form, given = CartForm(), _given()
    _keep_files(form, given)
    reusable = _offer_choices(form)
    if not (form.validate() and _choices_stand(form, reusable)) or given.refused:
        return _show(form, given=given, status=422)
    items = access.cart_of(current_person())
    if _fill_in(form, access.form_of(items, form.environment.data or ""), given):
        return _show(form, used_again.refusal().problems, given=given, status=422)
    _look_up(form, items)
    try:
        with transaction():
            made = _submit(form, given, reusable)
            told, numbers = outlook.what_became_of(made), [each.number for each in made]
    except access.CartRejected as rejected:
        return _show(form, rejected.problems, given=given, status=422)
    except Invalid as refusal:
        blame(form, refusal, name="app_name", description="app_description")
        return _show(form, given=given, status=422)
    if len(numbers) == 1:
        return done(url_for("live.requests.show", number=numbers[0]), told)
    return done(url_for("live.requests.index"), told)


def _submit(form: CartForm, given: Given, reusable: Sequence[Credential]) -> list[AccessRequest]:
    person = current_person()
    access.open_cart(by=person, seen=form.seen.data or "")
    return access.submit(
        _app(form, person),
        by=person,
        reason=form.reason.data or "",
        credential=_credential(form, reusable),
        credential_name=form.credential_name.data or "",
        environment=Environment(form.environment.data),
        answers=given.raw,
        form_ids=asking.forms_seen(form.forms_seen.data or ""),
        versions=_chosen_versions(),
    )


def _chosen_versions() -> dict[int, str]:
    """The versions of APIs that were chosen on the page, by the keys of their products."""
    sent = ((key_of(name.removeprefix("version-")), text) for name, text in request.form.items() if "version-" in name)
    return {key: text for key, text in sent if key}


def _keep_versions(person: User) -> None:
    """Remember the versions that were chosen on the page, as far as there is a choice."""
    sent = _chosen_versions()
    known = _versions(access.cart_of(person)) if sent else {}
    numbers = {key: {version.number for version in catalog.choosable(known.get(key, []))} for key in sent}
    asking.keep_versions({key: number for key, number in sent.items() if number in numbers[key]}, by=person)


def _given() -> Given:
    """What the browser sent for the forms of the cart as it is now."""
    items = access.cart_of(current_person())
    return asking.given_by(request, access.form_of(items, request.form.get("environment", "")))


def _keep_files(form: CartForm, given: Given) -> None:
    """Store what was handed in before anything can be refused: a file cannot be put back into a page by us.

    The draft knows them from then on, also if the person leaves the page that comes back.
    """
    if given.files:
        with transaction():
            person = current_person()
            asking.keep_files(given, by=person)
            if access.cart_count(person):
                asking.keep_draft(form, given, by=person)


def _environment_of(items: Sequence[CartItem], wanted: str) -> str:
    usual = asking.usual(access.environments_for(items), wanted)
    return usual.value if usual else ""


def _ids(asked: Ask) -> str:
    """The versions of the forms on the page, so that one that changed meanwhile is not answered unseen."""
    return ",".join(str(number) for number in asked.form_ids)


def _offer() -> Offer:
    product, plan, catalogue = (key_of(request.form.get(name, "")) for name in ("product", "plan", "catalogue"))
    offer = catalog.find_offer(product, plan, catalogue) if product and plan and catalogue else None
    if offer is None:
        raise Conflict("This product is not offered on this plan any more. Nothing was put in your cart.")
    return offer


def _app(form: CartForm, person: User) -> DeveloperApp:
    """The app that was chosen, or the new one that was described."""
    if form.app.data != NEW:
        chosen = next((app for app in apps.apps_of(person) if str(app.id) == form.app.data), None)
        if chosen is None:
            raise Invalid("Choose one of your own apps, or make a new one.", field="app")
        return chosen
    return apps.add_app(**form.app_values(form.app_name, form.app_description), by=person)


def _credential(form: CartForm, reusable: Sequence[Credential]) -> Credential | None:
    return next((c for c in reusable if str(c.id) == form.credential.data), None)


def _choices_stand(form: CartForm, reusable: Sequence[Credential]) -> bool:
    """Whether app and credential are among those that were offered; an id from elsewhere opens nothing (T35)."""
    if form.environment.data not in form.environment.choices:
        form.environment.errors = ["Choose one of the environments that are offered."]
    if form.app.data not in form.app.choices:
        form.app.errors = ["Choose one of your own apps, or make a new one."]
    if form.credential.data not in (None, "", NEW) and _credential(form, reusable) is None:
        form.credential.errors = ["This credential cannot take these products. Choose another, or a new one."]
    return not (form.environment.errors or form.app.errors or form.credential.errors)


def _changed(message: str) -> ResponseReturnValue:
    """The cart after a change: by redirect, or at once when that would lose what was typed."""
    given = _given()
    if given.is_empty and not any(request.form.get(name, "").strip() for name in TYPED):
        return done(url_for("live.cart.show"), message)
    form = CartForm()
    _keep_files(form, given)
    flash(message, "success")
    return _show(form, given=given)


def _offer_choices(form: CartForm) -> Sequence[Credential]:
    person = current_person()
    items = access.cart_of(person)
    form.offer_environments(access.environments_for(items))
    reusable = [
        credential
        for credential in access.reusable_credentials(person, items)
        if credential.environment == form.environment.data
    ]
    form.offer_choices(apps.apps_of(person), reusable, request.args.get("app", ""))
    return reusable


def _show(
    form: CartForm, problems: Sequence[Problem] | None = None, *, given: Given | None = None, status: int = 200
) -> ResponseReturnValue:
    person = current_person()
    items = access.cart_of(person)
    reusable = _offer_choices(form)
    asked = access.form_of(items, form.environment.data or "")
    given = given or Given(asking.draft_answers(person) if asked.forms else {})
    _fill_in(form, asked, given)
    form.seen.data, form.forms_seen.data = access.fingerprint(items), _ids(asked)
    standing = access.problems(items, by=person)
    found = None
    if status == 422 and items:
        standing += access.reason_problems(items, form.reason.data or "")
        found = forms.weigh_answers(asked, given.raw, by=person)
    at_fields = set(found.errors.values()) if found else set()
    told = [p for p in problems or () if p not in standing and p.message not in at_fields]
    is_fragment = is_htmx() and request.method == "GET"
    return render(
        "live/cart/show.html",
        fragment="live/cart/_credentials.html" if request.method == "GET" else None,
        status=status,
        form=form,
        items=items,
        groups=access.groups(items),
        versions={key: catalog.choosable(known) for key, known in _versions(items).items()},
        chosen={**asking.draft_versions(person), **_chosen_versions()},
        **_plan_context(items),
        **asking.page_context(asked, given, found, by=person),
        foreseen=[] if is_fragment else _foreseen(form, items, asked, given),
        problems=_by_category([*standing, *told]),
        of_app={str(c.id) for c in reusable if str(c.app_id) == form.app.data} | {NEW} if is_htmx() else None,
        owned=len(form.app.choices) - 1,
        may_share=not person.organisation.is_default,
        was_submitted=status == 422,
    )


def _foreseen(form: CartForm, items: Sequence[CartItem], asked: Ask, given: Given) -> list[outlook.Foreseen]:
    """What submitting would come to, as the form stands; what is wrong in it is told when it is submitted."""
    person, environment = current_person(), form.environment.data or ""
    return outlook.foresee(
        items,
        by=person,
        app=_look_up(form, items),
        environment=environment if environment in form.environment.choices else "",
        form_ids=asked.form_ids,
        answers=forms.weigh_answers(asked, given.raw, by=person).answers,
    )


def _versions(items: Sequence[CartItem]) -> dict[int, list[ApiVersion]]:
    return catalog.versions_of([item.product for item in items])


def _fill_in(form: CartForm, asked: Ask, given: Given) -> bool:
    """Put earlier answers of the chosen app where nobody has typed; says whether the form reads differently now."""
    app = _chosen_app(form)
    changed = used_again.fill_in(given, asked, app, Shown.read(form.used_again.data or ""), by=current_person())
    form.used_again.data = used_again.mark_of(given, app)
    return changed


def _chosen_app(form: CartForm) -> DeveloperApp | None:
    return next((app for app in apps.apps_of(current_person()) if str(app.id) == form.app.data), None)


def _look_up(form: CartForm, items: Sequence[CartItem]) -> DeveloperApp | None:
    """The app that is chosen, once the systems outside have been asked what they know of it."""
    app = _chosen_app(form)
    policies.look_up(app, [item.product for item in items], form.environment.data or "")
    return app


def _plan_context(items: Sequence[Any]) -> dict[str, Any]:
    plans = {item.plan.id: item.plan for item in items}
    only = next(iter(plans.values())) if len(plans) == 1 else None
    return {
        "plan": only,
        "plans": access.common_plans(items),
        "involves": policies.explain(only) if only else "",
        "left": access.allowance_left(only, by=current_person()) if only else None,
    }


def _by_category(found: Sequence[Problem]) -> dict[Category, list[Problem]]:
    return {c: [p for p in found if p.category is c] for c in Category if any(p.category is c for p in found)}
