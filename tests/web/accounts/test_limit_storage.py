"""While the storage that processes share for limits is away, people get in, and guesses are still counted."""

import pytest
from limits.errors import StorageError

from portal.app import create_app
from portal.config import load
from portal.web.limits import options_of
from tests.support.builders import PASSWORD, make_user


@pytest.fixture
def shared_away(app, limited, monkeypatch):
    """The shared storage fails, as Redis does when nothing listens at its port."""
    shared = app.extensions["portico_limits"]._limiter.limiter

    def away(*_args):
        raise StorageError(ConnectionRefusedError("nobody listens"))

    for question in ("hit", "test", "get_window_stats"):
        monkeypatch.setattr(shared, question, away)


@pytest.mark.usefixtures("shared_away")
def test_without_the_shared_storage_people_sign_in_and_guesses_are_counted(browser):
    person, visitor = make_user(), browser(None)

    def attempt(password):
        form = visitor.get("/login")
        return form.press("Sign in", Email=person.email, Password=password).status

    tries = [attempt("a-wrong-password") for _ in range(21)]

    assert set(tries[:20]) == {422}
    assert tries[20] == 429


@pytest.mark.usefixtures("shared_away")
def test_without_the_shared_storage_the_right_password_opens(browser):
    person = make_user()

    assert not browser(None).get("/login").press("Sign in", Email=person.email, Password=PASSWORD).asks_to_sign_in


def test_a_storage_is_asked_for_errors_of_one_kind(tmp_path):
    app = create_app(load(testing=True, secret_key="t" * 48, instance_dir=tmp_path, database_url="sqlite://"))

    assert app.extensions["portico_limits"]._limiter.limiter.storage.wrap_exceptions


def test_a_storage_that_hangs_is_not_waited_for():
    assert options_of("redis://127.0.0.1")["socket_timeout"] == 2
    assert "socket_timeout" not in options_of("memory://")  # it takes none
