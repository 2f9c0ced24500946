"""Samples can be pasted as they are, whatever somebody typed as a product's address."""

import ast
import shlex
import subprocess

import pytest

from portal.catalog import ApiProduct, AuthMethod
from portal.credentials import Credential, samples_for

HOSTILE = "https://x.example/'; touch /tmp/owned; '\"`id`$(id)\\\n"


def samples(auth_method, *addresses):
    credential = Credential(client_id="pci_abc", auth_method=auth_method)
    products = [ApiProduct(name="Payments", base_url=address) for address in addresses]
    return dict(samples_for(credential, "https://portal.example/", products))


@pytest.mark.parametrize("auth_method", [AuthMethod.OAUTH2, AuthMethod.API_KEY])
@pytest.mark.parametrize("address", ["https://api.example/v1", "", HOSTILE])
def test_samples_are_well_formed_in_their_language(auth_method, address):
    found = samples(auth_method, address)

    assert list(found) == ["curl", "Python", "JavaScript"]
    ast.parse(found["Python"])
    assert subprocess.run(["sh", "-n"], input=found["curl"].encode(), check=False).returncode == 0


def test_an_address_is_one_word_of_the_shell_and_one_string_of_python():
    found = samples(AuthMethod.API_KEY, HOSTILE)

    assert shlex.split(found["curl"].split("\n\n", 1)[1])[-1] == HOSTILE
    strings = [node.value for node in ast.walk(ast.parse(found["Python"])) if isinstance(node, ast.Constant)]
    assert HOSTILE in strings


def test_each_product_is_called_and_the_secret_is_a_placeholder():
    found = samples(AuthMethod.OAUTH2, "https://one.example/", "https://two.example/")

    for code in found.values():
        assert "https://one.example/" in code
        assert "https://two.example/" in code
        assert "https://portal.example/oauth/token" in code
        assert "YOUR_CLIENT_SECRET" in code


def test_the_curl_sample_takes_the_token_out_of_the_answer():
    script = samples(AuthMethod.OAUTH2, "https://one.example/")["curl"]
    answer = """'{"access_token": "a.b-c_d","expires_in":3600}'"""
    fake = f'curl() {{ if [ "$1" = --silent ]; then echo {answer}; else echo "$2"; fi; }}\n'

    out = subprocess.run(["sh"], input=(fake + script).encode(), capture_output=True, check=True).stdout

    assert out.decode().strip() == "Authorization: Bearer a.b-c_d"
