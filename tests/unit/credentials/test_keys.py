"""J12: a signing key that is lost, exchanged or unreadable stops the start with one sentence that says which."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey

from portal.app import create_app
from portal.config import BadSettings, load
from portal.credentials import BadSigningKey, load_signing_keys, new_signing_key

CLAIMS = {"sub": "pci_1"}


def short_rsa_key():
    key = rsa.generate_private_key(65537, 1024)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path):
    keys = load_signing_keys(folder=tmp_path / "instance")

    file = tmp_path / "instance" / "signing_key.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_signing_keys(folder=tmp_path / "instance").verify(keys.sign(CLAIMS)) == CLAIMS
    assert sorted(path.name for path in file.parent.iterdir()) == ["signing_key.id", "signing_key.pem"]


def test_processes_that_start_at_once_share_one_key(tmp_path):
    with ThreadPoolExecutor(max_workers=12) as pool:
        ids = list(pool.map(lambda _: load_signing_keys(folder=tmp_path).ids[0], range(24)))

    assert len(set(ids)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signing_key.id", "signing_key.pem"]


def test_a_key_can_come_from_the_environment_with_its_line_ends_written_out(tmp_path):
    pem = new_signing_key()

    plain, written = (load_signing_keys(pem=text, folder=tmp_path) for text in (pem, pem.replace("\n", "\\n")))

    assert plain.ids == written.ids
    assert not (tmp_path / "signing_key.pem").exists()


def test_a_key_can_come_from_a_file(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(new_signing_key())

    assert load_signing_keys(file=file, folder=tmp_path).ids == load_signing_keys(file=file, folder=tmp_path).ids


def test_J12_a_lost_key_is_not_silently_replaced(tmp_path):
    load_signing_keys(folder=tmp_path)
    (tmp_path / "signing_key.pem").unlink()

    with pytest.raises(BadSigningKey, match=r"missing.*signing_key\.pem.*Restore it from the backup"):
        load_signing_keys(folder=tmp_path)


def test_J12_a_named_file_that_is_not_there(tmp_path):
    with pytest.raises(BadSigningKey, match=r"nowhere\.pem does not exist"):
        load_signing_keys(file=tmp_path / "nowhere.pem", folder=tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        short_rsa_key(),
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        ECKey.generate_key("P-256").as_pem(private=False).decode(),
        new_signing_key() + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        new_signing_key()[:-80],
    ],
    ids=["empty", "nonsense", "corrupt", "short RSA", "other curve", "public only", "second corrupt", "cut off"],
)
def test_J12_a_corrupt_or_foreign_key_is_refused_and_not_told(tmp_path, text):
    load_signing_keys(folder=tmp_path)
    (tmp_path / "signing_key.pem").write_text(text)

    with pytest.raises(BadSigningKey, match=r"signing_key\.pem is not usable: it must be a private EC key") as refused:
        load_signing_keys(folder=tmp_path)

    assert "PRIVATE KEY---" not in str(refused.value)


def test_J12_an_exchanged_key_is_refused_unless_the_former_stands_below_it(tmp_path):
    former, new = new_signing_key(), new_signing_key()
    old = load_signing_keys(pem=former, folder=tmp_path)
    token = old.sign(CLAIMS)

    with pytest.raises(BadSigningKey, match=f"not the one that was used before .{old.ids[0]}"):
        load_signing_keys(pem=new, folder=tmp_path)

    both = load_signing_keys(pem=new + former, folder=tmp_path)
    assert both.verify(token) == CLAIMS
    assert [key["kid"] for key in both.public()["keys"]] == both.ids == [both.ids[0], old.ids[0]]
    assert load_signing_keys(pem=new, folder=tmp_path).verify(token) is None


def test_J12_the_application_refuses_to_start(tmp_path):
    settings = load(testing=True, database_url=f"sqlite:///{tmp_path / 'p.sqlite3'}", instance_dir=tmp_path)
    (tmp_path / "signing_key.pem").write_text("nonsense")

    with pytest.raises(BadSettings, match="signing key"):
        create_app(settings)


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("token_limit", "often", "PORTICO_TOKEN_LIMIT is not usable"),
        ("rate_limit_storage", "nothing://", "PORTICO_RATE_LIMIT_STORAGE is not usable"),
        ("signing_key", "nonsense", "PORTICO_SIGNING_KEY is not usable"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, setting, value, sentence):
    kept = {"testing": True, "database_url": f"sqlite:///{tmp_path / 'p.sqlite3'}", "instance_dir": tmp_path}

    with pytest.raises(BadSettings, match=sentence):
        create_app(load(**kept, **{setting: value}))
