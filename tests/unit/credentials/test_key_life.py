"""The life of signing keys: published before use, kept after it, sealed at rest, taken out in an emergency."""

from datetime import timedelta

import jwt
import pytest
import time_machine
from cryptography.fernet import Fernet

from portal import credentials
from portal.credentials import BadEncryptionKey, BadSigningKey, key_file, load_signing_keys, new_signing_key
from portal.credentials.keyfile import LONGEST_TOKEN_LIFE
from portal.db import now
from portal.errors import Conflict, NotFound

CLAIMS = {"sub": "pci_1"}
DAY = timedelta(days=1)


@pytest.fixture
def clock():
    with time_machine.travel(now().replace(microsecond=0), tick=False) as traveller:
        yield traveller


@pytest.fixture
def keys(tmp_path, clock):
    """The keys as a running process has them."""
    return load_signing_keys(folder=tmp_path)


@pytest.fixture
def file(tmp_path, keys):
    """The file as the operator's command sees it."""
    return key_file(folder=tmp_path)


def published(keys):
    return [key["kid"] for key in keys.public()["keys"]]


def kid(token):
    return jwt.get_unverified_header(token)["kid"]


# --- rotation --------------------------------------------------------------------------------------------------------


def test_a_new_key_is_published_before_it_signs_and_the_old_one_stays_until_its_last_token_has_ended(keys, file, clock):
    (old,) = published(keys)
    new = credentials.rotate_keys(file, publish_for=DAY).id

    clock.shift(6)
    assert published(keys) == [old, new]
    assert kid(keys.sign(CLAIMS)) == old

    clock.shift(DAY - timedelta(seconds=7))
    last = keys.sign(CLAIMS)
    assert kid(last) == old
    clock.shift(1)
    assert kid(keys.sign(CLAIMS)) == new
    assert published(keys) == [new, old]

    clock.shift(LONGEST_TOKEN_LIFE - timedelta(seconds=1))
    assert keys.verify(last) == CLAIMS
    clock.shift(1)
    assert keys.verify(last) is None
    assert published(keys) == [new]


def test_a_process_that_starts_at_any_time_agrees_with_one_that_runs(keys, file, clock, tmp_path):
    credentials.rotate_keys(file, publish_for=DAY)

    for hours in (1, 24, 20, 10):
        clock.shift(timedelta(hours=hours))
        fresh = load_signing_keys(folder=tmp_path)
        assert fresh.ids == keys.ids
        assert fresh.verify(keys.sign(CLAIMS)) == keys.verify(fresh.sign(CLAIMS)) == CLAIMS


def test_one_rotation_at_a_time_and_the_next_drops_what_is_over(keys, file, clock, tmp_path):
    credentials.rotate_keys(file, publish_for=DAY)
    with pytest.raises(Conflict, match="waits for its time"):
        credentials.rotate_keys(file, publish_for=DAY)

    clock.shift(3 * DAY)
    credentials.rotate_keys(file, publish_for=DAY)

    assert len(file.read()) == 2
    clock.shift(9)
    assert load_signing_keys(folder=tmp_path).ids == keys.ids, "the note follows the key that signs"


def test_the_worker_rotates_when_it_is_time_and_once(file, clock):
    every = timedelta(days=90)

    def due():
        return credentials.rotate_keys_if_due(file, every=every, publish_for=DAY)

    assert due() is None
    clock.shift(every)
    assert due() is not None
    assert due() is None
    clock.shift(2 * DAY)
    assert due() is None


def test_a_file_without_dates_works_as_ever_and_can_be_rotated(tmp_path, clock):
    path, former = tmp_path / "mine.pem", new_signing_key()
    path.write_text(former)
    keys = load_signing_keys(file=path, folder=tmp_path / "instance")

    made = credentials.rotate_keys(key_file(file=path, folder=tmp_path / "instance"), publish_for=DAY)

    clock.shift(DAY + timedelta(seconds=6))
    assert kid(keys.sign(CLAIMS)) == made.id
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_broken_while_the_process_runs_leaves_it_with_its_keys(keys, file, clock):
    token = keys.sign(CLAIMS)
    file.path.write_text("nonsense")

    clock.shift(10)

    assert keys.verify(token) == keys.verify(keys.sign(CLAIMS)) == CLAIMS


def test_a_moment_that_cannot_be_read_is_refused(file, tmp_path):
    file.path.write_text("Ends: some day\n" + new_signing_key())

    with pytest.raises(BadSigningKey, match="not usable"):
        load_signing_keys(folder=tmp_path)


def test_a_second_key_that_is_cut_off_is_refused(file, tmp_path):
    file.path.write_text(new_signing_key() + new_signing_key()[:-80])

    with pytest.raises(BadSigningKey, match="not usable"):
        load_signing_keys(folder=tmp_path)


# --- retirement and emergency ----------------------------------------------------------------------------------------


def test_a_key_that_tokens_need_is_not_retired_by_mistake(keys, file, clock):
    (old,) = published(keys)
    with pytest.raises(Conflict, match="has no end yet"):
        credentials.retire_key(file, old)
    credentials.rotate_keys(file, publish_for=DAY)
    with pytest.raises(Conflict, match="Tokens need this key until"):
        credentials.retire_key(file, old)
    with pytest.raises(NotFound):
        credentials.retire_key(file, "unknown")

    clock.shift(3 * DAY)
    credentials.retire_key(file, old)

    assert old not in [key.id for key in file.read()]


def test_in_an_emergency_a_new_key_signs_at_once_and_every_token_ends(keys, file, clock, tmp_path):
    token = keys.sign(CLAIMS)

    made = credentials.replace_keys(file)
    clock.shift(5)

    assert keys.verify(token) is None
    assert published(keys) == [made.id]
    assert load_signing_keys(folder=tmp_path).ids == [made.id], "the start is not refused"


def test_in_an_emergency_the_key_that_signs_is_replaced(keys, file, clock, tmp_path):
    token = keys.sign(CLAIMS)

    credentials.retire_key(file, kid(token), emergency=True)
    clock.shift(5)

    assert keys.verify(token) is None
    assert keys.verify(keys.sign(CLAIMS)) == CLAIMS
    assert load_signing_keys(folder=tmp_path).ids == keys.ids


# --- algorithms ------------------------------------------------------------------------------------------------------


def test_RS256_can_be_chosen_and_others_verify_it(tmp_path):
    keys = load_signing_keys(folder=tmp_path, algorithm="RS256")
    (public,) = keys.public()["keys"]
    token = keys.sign(CLAIMS)

    assert (public["kty"], public["alg"], set(public)) == ("RSA", "RS256", {"kty", "n", "e", "kid", "alg", "use"})
    assert jwt.decode(token, jwt.PyJWK(public).key, ["RS256"]) == keys.verify(token) == CLAIMS


def test_the_algorithm_changes_by_rotation_and_each_key_keeps_to_its_own(keys, clock, tmp_path):
    token = keys.sign(CLAIMS)
    credentials.rotate_keys(key_file(folder=tmp_path, algorithm="RS256"), publish_for=DAY)

    clock.shift(DAY)
    newer = keys.sign(CLAIMS)

    assert [jwt.get_unverified_header(each)["alg"] for each in (token, newer)] == ["ES256", "RS256"]
    assert keys.verify(token) == keys.verify(newer) == CLAIMS
    header = newer.partition(".")[0]
    assert keys.verify(header + "." + token.partition(".")[2]) is None, "no key verifies by the other's algorithm"


# --- H10: sealed at rest ---------------------------------------------------------------------------------------------


def sealer(*keys):
    return credentials.sealer_for(",".join(keys))


@pytest.fixture
def first():
    return Fernet.generate_key().decode()


@pytest.fixture
def second():
    return Fernet.generate_key().decode()


def test_H10_a_new_key_is_sealed_and_a_plain_one_at_the_next_start(tmp_path, first):
    plain = load_signing_keys(folder=tmp_path)
    token = plain.sign(CLAIMS)

    sealed = load_signing_keys(folder=tmp_path, sealer=sealer(first))
    fresh = load_signing_keys(folder=tmp_path / "fresh", sealer=sealer(first))

    assert sealed.verify(token) == CLAIMS
    for folder in (tmp_path, tmp_path / "fresh"):
        text = (folder / "signing_key.pem").read_text()
        assert "PRIVATE KEY" not in text
        assert (folder / "signing_key.pem").stat().st_mode & 0o777 == 0o600
    assert load_signing_keys(folder=tmp_path / "fresh", sealer=sealer(first)).ids == fresh.ids


def test_H10_a_wrong_key_is_an_error_and_not_garbage(tmp_path, first, second):
    load_signing_keys(folder=tmp_path, sealer=sealer(first))

    with pytest.raises(BadSigningKey, match="sealed with another key than PORTICO_ENCRYPTION_KEY"):
        load_signing_keys(folder=tmp_path, sealer=sealer(second))
    with pytest.raises(BadSigningKey, match="It is sealed: set PORTICO_ENCRYPTION_KEY"):
        load_signing_keys(folder=tmp_path)


def test_H10_old_values_are_readable_while_the_old_key_is_named_and_sealed_anew_need_it_no_more(
    tmp_path, first, second
):
    keys = load_signing_keys(folder=tmp_path, sealer=sealer(first))
    token = keys.sign(CLAIMS)

    assert load_signing_keys(folder=tmp_path, sealer=sealer(second, first)).verify(token) == CLAIMS

    assert load_signing_keys(folder=tmp_path, sealer=sealer(second)).verify(token) == CLAIMS
    with pytest.raises(BadSigningKey):
        load_signing_keys(folder=tmp_path, sealer=sealer(first))


def test_H10_a_file_of_the_operator_s_own_is_sealed_when_they_say_so(tmp_path, first):
    path = tmp_path / "mine.pem"
    path.write_text(new_signing_key())
    keys = load_signing_keys(file=path, folder=tmp_path, sealer=sealer(first))
    assert "BEGIN PRIVATE KEY" in path.read_text()

    credentials.seal_keys(key_file(file=path, folder=tmp_path, sealer=sealer(first)))

    assert "BEGIN PRIVATE KEY" not in path.read_text()
    assert load_signing_keys(file=path, folder=tmp_path, sealer=sealer(first)).ids == keys.ids


def test_H10_rotation_seals_with_the_first_key(tmp_path, first, second, clock):
    load_signing_keys(folder=tmp_path, sealer=sealer(first))
    credentials.rotate_keys(key_file(folder=tmp_path, sealer=sealer(second, first)), publish_for=DAY)

    assert len(load_signing_keys(folder=tmp_path, sealer=sealer(second)).ids) == 2


def test_H10_every_changed_sign_of_a_sealed_text_is_noticed(first):
    box = sealer(first)
    sealed = box.seal("secret")

    for place in range(0, len(sealed) - 2, 7):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(BadEncryptionKey):
            box.unseal(changed)
    assert box.unseal(sealed) == "secret"
    assert box.seal("secret") != sealed


@pytest.mark.parametrize("setting", ["short", "x" * 44, f"{'A' * 43}=,short"])
def test_an_unusable_encryption_key_is_named_and_not_told(setting):
    with pytest.raises(BadEncryptionKey, match="PORTICO_ENCRYPTION_KEY is not usable") as refused:
        credentials.sealer_for(setting)

    assert setting not in str(refused.value)
