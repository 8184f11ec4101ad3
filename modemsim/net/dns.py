"""One question to a DNS server that somebody has put behind a route (RFC 1035), over the module's bearer."""

from __future__ import annotations

import asyncio
import ipaddress

from modemsim.net.bearer import Bearer
from modemsim.net.routes import Address

PORT = 53


def usable(server: str) -> bool:
    """Whether a DNS server can stand at this address at all."""
    try:
        ip = ipaddress.ip_address(server)
    except ValueError:
        return False
    return not (ip.is_unspecified or ip.is_loopback or ip.is_multicast)


async def ask(bearer: Bearer, server: str, name: str, timeout: float) -> list[str] | None:
    """The IPv4 addresses of a name; none for a name the server does not know, None without an answer."""
    import dns.exception
    import dns.message
    import dns.rdatatype

    try:
        question = dns.message.make_query(name, dns.rdatatype.A)
    except dns.exception.DNSException:
        return []
    where = (server, PORT)
    came: asyncio.Future[dns.message.Message] = asyncio.get_running_loop().create_future()

    def receive(data: bytes, sender: Address) -> None:
        try:
            answer = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        if sender == where and question.is_response(answer) and not came.done():
            came.set_result(answer)

    udp = bearer.udp()
    udp.receiver = receive
    try:
        udp.send(question.to_wire(), where)
        done, _ = await asyncio.wait({came}, timeout=timeout)
        if not done:
            return None
        sets = (one for one in came.result().answer if one.rdtype == dns.rdatatype.A)
        return [record.address for one in sets for record in one]
    finally:
        udp.close()
