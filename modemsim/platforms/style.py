"""What distinguishes one platform from another, as data."""

from __future__ import annotations

from dataclasses import dataclass

from aiocoap import Code

from modemsim.net.routes import KNOWN, SECURED, Address


@dataclass(frozen=True)
class PlatformStyle:
    """The declared behaviour of one platform; delays in seconds of simulated time.

    `observe` is observed `observe_delay` after a registration, its notifications are the device's data;
    `auto_reply` is written to `downlink_path` `reply_delay` after each of them (None: nothing). `attempts` is
    how often an unanswered downlink command is sent before it has failed; `queue_window` is how long a device
    in queue mode is sent to after it was last heard. The two codes answer a registration from a device that a
    strict platform does not know, and one without a name.
    """

    name: str
    title: str
    source: str
    auto_reply: bytes | None = None
    observe: str = "/19/0/0"
    downlink_path: str = "/19/1/0"
    observe_delay: float = 0.2
    reply_delay: float = 0.1
    versions: tuple[str, ...] = ("1.0", "1.1")
    default_lifetime: int = 86400
    unknown_device: Code = Code.FORBIDDEN
    missing_endpoint: Code = Code.FORBIDDEN
    service_codec: bool = False
    """Whether payloads are those of `aep_codec`, so that commands have task ids and responses."""
    attempts: int = 2
    queue_window: float = 2.0
    signed_packages: bool = True
    """Whether firmware packages are signed zip files of a product; else plain files with their MD5."""
    upgrade_delay: float = 1.0
    """Seconds from the sign of life of a device to the first question of an upgrade task."""
    upgrade_stall: float = 300.0
    """Seconds without a block or a state after which a download is asked for its state, then given up."""
    upgrade_limit: float = 3600.0
    """Seconds an update may take from Execute to the next registration."""

    @property
    def public(self) -> Address:
        """Where devices find the platform: the address in the URIs of packages."""
        return documented(self.name)

    @property
    def public_secure(self) -> Address:
        """The same by DTLS."""
        return documented(SECURED.format(self.name))


def documented(platform: str) -> Address:
    """The first address in the vendors' documents that leads to a platform; raises KeyError for another."""
    for known in KNOWN:
        if known.platform == platform:
            return known.ip, known.port
    raise KeyError(platform)


CT_IOT = PlatformStyle(
    name="ct-iot",
    title="China Telecom IoT platform (OceanConnect lineage)",
    source="BC260Y CT guide 1.1, 2.3.3 and 4.1",
    auto_reply=bytes.fromhex("AAAA0000"),
)

AEP = PlatformStyle(
    name="aep",
    title="China Telecom AEP (CTWing)",
    source="BC260Y CT guide 1.1, 4.2; answer to an unknown endpoint name: SIM7020 AEP note 1.01, 3.2 (10)",
    unknown_device=Code.BAD_REQUEST,
    service_codec=True,
    signed_packages=False,
)
