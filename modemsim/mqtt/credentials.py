"""Who a client says it is at clouds with a rule of their own: computed from what the host configured.

Alibaba Cloud IoT signs client id, device and product with the device's secret; OneNET takes a token with an
end of validity, signed with the access key. Both rules are published by the operators.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import NamedTuple
from urllib.parse import quote

ONENET_VERSION = "2018-10-31"
SIGNATURE = "sha1"
"""Hash of the signatures, of which both operators take three; which one a module uses is not known."""


class Login(NamedTuple):
    """What goes into CONNECT."""

    client_id: str
    user: str
    password: str


def alibaba(product_key: str, device: str, secret: str, client_id: str, *, secured: bool = False) -> Login:
    """Alibaba Cloud IoT: security mode 3 for plain TCP, 2 for TLS; the signature covers no time stamp."""
    content = f"clientId{client_id}deviceName{device}productKey{product_key}"
    signature = hmac.new(secret.encode(), content.encode(), SIGNATURE).hexdigest()
    extended = f"{client_id}|securemode={2 if secured else 3},signmethod=hmac{SIGNATURE}|"
    return Login(extended, f"{device}&{product_key}", signature.upper())


def onenet(product: str, access_key: str, device: str, until: int) -> Login:
    """OneNET: a device's token, valid until that Unix time; raises ValueError for a key that is no Base64."""
    resource = f"products/{product}/devices/{device}"
    content = f"{until}\n{SIGNATURE}\n{resource}\n{ONENET_VERSION}"
    signed = base64.b64encode(hmac.new(_key(access_key), content.encode(), SIGNATURE).digest()).decode()
    fields = {"version": ONENET_VERSION, "res": resource, "et": until, "method": SIGNATURE, "sign": signed}
    token = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in fields.items())
    return Login(device, product, token)


def is_access_key(text: str) -> bool:
    """Whether a text can be an access key of OneNET: Base64 of at least one byte."""
    try:
        return bool(_key(text))
    except ValueError:
        return False


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("an access key of OneNET is Base64") from None
