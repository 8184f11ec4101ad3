"""Logins that clouds compute: the signatures against ones made here step by step, and what is no key."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.mqtt import credentials

names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32)


def test_alibaba_signs_client_device_and_product() -> None:
    login = credentials.alibaba("a1BAujzY0ka", "deviceSN2", "secret", "1")
    content = b"clientId1deviceNamedeviceSN2productKeya1BAujzY0ka"
    assert login.client_id == "1|securemode=3,signmethod=hmacsha1|"
    assert login.user == "deviceSN2&a1BAujzY0ka"
    assert login.password == hmac.new(b"secret", content, hashlib.sha1).hexdigest().upper()


def test_alibaba_over_tls_is_another_mode() -> None:
    login = credentials.alibaba("p", "d", "s", "c", secured=True)
    assert login.client_id.startswith("c|securemode=2,")


def test_a_token_of_onenet_names_device_and_end_of_validity() -> None:
    key = base64.b64encode(b"key of a device").decode()
    login = credentials.onenet("469948", key, "Chic_D", 1673053248)
    assert (login.client_id, login.user) == ("Chic_D", "469948")
    assert login.password.startswith(
        "version=2018-10-31&res=products%2F469948%2Fdevices%2FChic_D&et=1673053248&"
    )
    fields = {name: values[0] for name, values in parse_qs(login.password).items()}
    content = b"1673053248\nsha1\nproducts/469948/devices/Chic_D\n2018-10-31"
    assert base64.b64decode(fields["sign"]) == hmac.new(b"key of a device", content, hashlib.sha1).digest()


@given(names, st.binary(min_size=1, max_size=40), names)
def test_a_token_has_nothing_that_a_field_could_not_hold(product: str, key: bytes, device: str) -> None:
    password = credentials.onenet(product, base64.b64encode(key).decode(), device, 1).password
    assert not set(password) & set(' "/+\r\n')
    assert password.count("&") == 4


@pytest.mark.parametrize("text", ["", "not base64", "YQ", "a", "YQ==\n", "ä"])
def test_what_is_no_key_is_refused(text: str) -> None:
    assert not credentials.is_access_key(text)


def test_a_bad_key_cannot_sign() -> None:
    with pytest.raises(ValueError, match="Base64"):
        credentials.onenet("p", "no key", "d", 1)
