"""What distinguishes the platforms."""

from __future__ import annotations

import pytest

from modemsim.net import Routes
from modemsim.net.routes import SECURED
from modemsim.platforms.style import AEP, CT_IOT, PlatformStyle, documented


@pytest.mark.parametrize("style", [CT_IOT, AEP])
def test_package_uris_lead_to_their_platform(style: PlatformStyle) -> None:
    plain, secured = ("127.0.0.1", 40001), ("127.0.0.1", 40002)
    routes = Routes({style.name: plain, SECURED.format(style.name): secured})
    assert (routes.real(style.public), routes.real(style.public_secure)) == (plain, secured)


def test_the_addresses_are_those_of_the_guides() -> None:
    assert (CT_IOT.public, CT_IOT.public_secure) == (("180.101.147.115", 5683), ("180.101.147.115", 5684))
    assert (AEP.public, AEP.public_secure) == (("221.229.214.202", 5683), ("221.229.214.202", 5684))


def test_a_platform_without_an_address_has_none() -> None:
    with pytest.raises(KeyError):
        documented("leshan")
