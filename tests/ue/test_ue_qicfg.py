"""What each item of the EC800E's AT+QICFG does, seen from the host and from the peer."""

from __future__ import annotations

import asyncio

import pytest
from sockets_bench import farewell, keep, listening, on_module, open_tcp, told, udp_peer
from test_ue_sockets import Peer, echo
from ue_bench import Bench

CHANGES = {
    "transpktsize": ("1", "1461"),
    "transwaittm": ("20", "21"),
    "dataformat": ("1,1", "2,0"),
    "viewmode": ("1", "2"),
    "udp/readmode": ("1", "2"),
    "udp/sendmode": ("1", "x"),
    "tcp/accept": ("0", "-1"),
    "passiveclosed": ("1", "2"),
    "recvind": ("1", "1,1"),
    "close/mode": ("1", "2"),
    "sendinfo": ("1", "2"),
    "tcp/keepalive": ("1,60,25,3", "1,0,25,3"),
    "tcp/retranscfg": ("3,5", "13,5"),
    "send/auto": ('1,20,"00ff",0,10', '1,19,"00ff"'),
    "recv/ignore": ('11,"pong",2,1', '11,"0",0'),
    "wakeup/data": ('0,"77616b65",0,0', "12"),
    "qisend/timeout": ("120", "121"),
    "send/buffersize": ("10240", "1459"),
    "dns/retry": ("1,100", "5,100"),
    "dns/cache": ("0", "2"),
    "TCP/SendMode": ("4", "2"),
    "pdp/retry": ("2", "5"),
}
"""Item -> values it takes and values it does not."""


def test_every_item_is_listed_told_changed_and_checked() -> None:
    async def work(bench: Bench) -> None:
        listed = await bench.ask("AT+QICFG=?")
        names = [line.split('"')[1] for line in listed[:-1]]
        assert names == list(CHANGES)
        assert '+QICFG: "tcp/keepalive",(0,1),(1-1800),(25-100),(3-10)' in listed
        assert '+QICFG: "dataformat",(0,1),(0,1)' in listed
        for name, (right, wrong) in CHANGES.items():
            by_socket = name in ("send/auto", "recv/ignore", "wakeup/data")
            asked = f'AT+QICFG="{name.upper()}"' + (f",{right.split(',')[0]}" if by_socket else "")
            before = await bench.ask(asked)
            assert await bench.ask(f'AT+QICFG="{name}",{wrong}') == ["ERROR"]
            assert await bench.ask(asked) == before
            assert await bench.ask(f'at+qicfg="{name.title()}",{right}') == ["OK"]
            assert await bench.ask(asked) == [f'+QICFG: "{name}",{right}', "OK"]
        assert await bench.ask('AT+QICFG="nothing"') == ["ERROR"]
        assert await bench.ask('AT+QICFG="send/auto"') == ["ERROR"]
        assert await bench.ask('AT+QICFG="dataformat",1') == ["ERROR"]
        assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 580,missing parameter", "OK"]
        for line in ('"send/auto",1,0', '"recv/ignore",11,""', '"tcp/keepalive",0'):
            assert await bench.ask(f"AT+QICFG={line}") == ["OK"]
            name, *given = line.split(",")
            asked = f"AT+QICFG={name}" if len(given) == 1 else f"AT+QICFG={name},{given[0]}"
            assert await bench.ask(asked) == [f"+QICFG: {line}", "OK"]

    on_module(work)


def test_items_are_forgotten_at_a_restart() -> None:
    async def work(bench: Bench) -> None:
        await bench.ask('AT+QICFG="transpktsize",7')
        await bench.simulation.power("reset")
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        assert await bench.ask('AT+QICFG="transpktsize"') == ['+QICFG: "transpktsize",1024', "OK"]

    on_module(work)


def test_transparent_mode_fills_packets_or_sends_what_there_is_in_time() -> None:
    async def work(bench: Bench) -> None:
        async with udp_peer() as (peer, port):
            await bench.ask('AT+QICFG="transpktsize",4')
            await bench.ask('AT+QICFG="transwaittm",20')
            bench.port.host_write(b'AT+QIOPEN=1,0,"UDP","127.0.0.1",%d,0,2\r' % port)
            await told(bench, b"CONNECT")
            start = asyncio.get_running_loop().time()
            bench.port.host_write(b"0123456789")
            await asyncio.sleep(5)
            assert peer.got == [b"0123", b"4567", b"89"]
            assert [instant - start > 1.9 for instant in peer.at] == [False, False, True]
            peer.transport.sendto(b"answer", peer.source)
            assert await bench.port.host_quiet(2) == b"answer"
            await asyncio.sleep(2)
            bench.port.host_write(b"+++")
            await told(bench, b"OK")
            await bench.ask('AT+QICFG="transwaittm",0')
            bench.port.host_write(b"ATO\r")
            await told(bench, b"CONNECT")
            bench.port.host_write(b"ab")
            await asyncio.sleep(0.1)
            assert peer.got[-1] == b"ab"

    on_module(work)


def test_datagrams_are_read_one_by_one_or_joined() -> None:
    async def work(bench: Bench) -> None:
        async with udp_peer() as (peer, port):
            assert await bench.ask(f'AT+QIOPEN=1,0,"UDP","127.0.0.1",{port}') == ["OK"]
            await told(bench, b"+QIOPEN: 0,0")
            assert await bench.ask('AT+QISEND=0,1,"x"') == ["OK"]
            await asyncio.sleep(1)
            for mode, reading in (("0", ["+QIRD: 3", "one", "OK"]), ("1", ["+QIRD: 6", "onetwo", "OK"])):
                await bench.ask(f'AT+QICFG="udp/readmode",{mode}')
                for data in (b"one", b"", b"two"):
                    peer.transport.sendto(data, peer.source)
                assert (await bench.port.host_quiet(2)).count(b'+QIURC: "recv",0') == 1
                assert await bench.ask("AT+QIRD=0") == reading
                await bench.ask("AT+QIRD=0")

    on_module(work)


def test_a_large_portion_goes_in_one_datagram_or_in_pieces() -> None:
    async def work(bench: Bench) -> None:
        async with udp_peer() as (peer, port):
            assert await bench.ask(f'AT+QIOPEN=1,0,"UDP","127.0.0.1",{port}') == ["OK"]
            await told(bench, b"+QIOPEN: 0,0")
            assert await bench.ask("AT+QISEND=0,3000") == ["ERROR"]
            await bench.ask('AT+QICFG="send/buffersize",3000')
            for mode, sizes in (("0", [3000]), ("1", [1460, 1460, 80])):
                await bench.ask(f'AT+QICFG="udp/sendmode",{mode}')
                peer.got.clear()
                bench.port.host_write(b"AT+QISEND=0,3000\r")
                await bench.port.host_read_until(b">", 5)
                bench.port.host_write(bytes(3000))
                await told(bench, b"SEND OK")
                await asyncio.sleep(1)
                assert [len(data) for data in peer.got] == sizes

    on_module(work)


def test_connections_wait_for_the_hosts_word() -> None:
    async def work(bench: Bench) -> None:
        await bench.ask('AT+QICFG="tcp/accept",0')
        port = await listening(bench)
        peers = []
        for _ in range(2):
            peers.append(await asyncio.open_connection("127.0.0.1", port))
            await told(bench, b'+QIURC: "accept",5')
        peers[0][1].write(b"early")
        assert b"recv" not in await bench.port.host_quiet(5)
        assert await bench.ask("AT+QIACCEPT=5,1") == ["OK"]
        heard = await bench.port.host_quiet(5)
        assert heard.index(b'+QIURC: "incoming",0,5,') < heard.index(b'+QIURC: "recv",0,5,')
        assert await bench.ask("AT+QIACCEPT=5,0") == ["OK"]
        with pytest.raises(ConnectionError):
            await peers[1][0].readexactly(1)
        assert await bench.ask("AT+QIACCEPT=5,1") == ["ERROR"]
        assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 560,socket accept failed", "OK"]
        assert await bench.ask("AT+QIACCEPT=0,1") == ["ERROR"]
        assert await bench.ask("AT+QIACCEPT=7,1") == ["ERROR"]

    on_module(work)


def test_more_connections_than_may_wait_are_turned_away_and_none_outlives_its_listener() -> None:
    async def work(bench: Bench) -> None:
        await bench.ask('AT+QICFG="tcp/accept",0')
        port = await listening(bench)
        peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        heard = await bench.port.host_quiet(5)
        assert heard.count(b'"accept",5') == 4
        assert heard.count(b'"incoming full"') == 1
        assert await bench.ask("AT+QICLOSE=5") == ["OK"]
        for reader, _ in peers:
            with pytest.raises(ConnectionError):
                await reader.readexactly(1)

    on_module(work)


def test_what_the_peer_has_closed_is_closed_once_it_is_read() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(farewell) as peer:
            await bench.ask('AT+QICFG="passiveclosed",1')
            await open_tcp(bench, peer.port, access=0)
            assert await bench.ask('AT+QISEND=0,1,"x"') == ["OK"]
            await told(bench, b'+QIURC: "closed",0')
            assert (await bench.ask("AT+QISTATE=1,0"))[0].split(",")[5] == "4"
            assert await bench.ask("AT+QIRD=0") == ["+QIRD: 3", "bye", "OK"]
            assert await bench.ask("AT+QISTATE=1,0") == ["OK"]
            await open_tcp(bench, peer.port, access=1)
            assert await bench.ask('AT+QISEND=0,1,"x"') == ["OK"]
            await told(bench, b'+QIURC: "closed",0')
            await open_tcp(bench, peer.port)
            bench.port.host_write(b'AT+QIOPEN=1,1,"TCP","127.0.0.1",%d,0,2\r' % peer.port)
            await told(bench, b"CONNECT")
            bench.port.host_write(b"x")
            await told(bench, b"NO CARRIER")
            assert await bench.ask("AT+QISTATE=1,1") == ["OK"]
            bench.port.host_write(b"ATO\r")
            await told(bench, b"NO CARRIER")

    on_module(work)


@pytest.mark.parametrize(("mode", "seconds"), [(0, 10.0), (1, 0.0)])
def test_closing_waits_for_the_peer_or_does_not(mode: int, seconds: float) -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await bench.ask(f'AT+QICFG="close/mode",{mode}')
            await open_tcp(bench, peer.port)
            bench.simulation.network.patch(outage=True)
            start = asyncio.get_running_loop().time()
            assert await bench.ask("AT+QICLOSE=0") == ["OK"]
            assert asyncio.get_running_loop().time() - start == pytest.approx(seconds, abs=0.1)
            await told(bench, b"CLOSE OK")
            assert await bench.ask("AT+QISTATE") == ["OK"]

    on_module(work)


def test_the_close_timeout_is_the_hosts() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            for timeout in (3, 0):
                await open_tcp(bench, peer.port)
                bench.simulation.network.patch(outage=True)
                start = asyncio.get_running_loop().time()
                assert await bench.ask(f"AT+QICLOSE=0,{timeout}") == ["OK"]
                assert asyncio.get_running_loop().time() - start == pytest.approx(timeout, abs=0.1)
                bench.simulation.network.patch(outage=False)
                await bench.port.host_quiet(60)

    on_module(work)


def test_the_room_of_the_send_buffer_is_told_in_place_of_send_ok() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(10_000)

    async def work(bench: Bench) -> None:
        async with Peer(deaf) as peer:
            await bench.ask('AT+QICFG="sendinfo",1')
            await open_tcp(bench, peer.port)
            bench.simulation.network.patch(outage=True)
            assert await bench.ask('AT+QISEND=0,4,"data"') == ["OK"]
            await told(bench, b"+QISEND: 0,0,10236")
            bench.port.host_write(b"AT+QISENDEX=0,%s\r" % (b"00" * 512))
            await told(bench, b"+QISEND: 0,0,9724")
            await bench.ask('AT+QICFG="send/buffersize",10240')
            bench.port.host_write(b"AT+QISEND=0,9725\r")
            await bench.port.host_read_until(b">", 5)
            bench.port.host_write(bytes(9725))
            await told(bench, b"+QISEND: 0,1,9724")
            assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 553,memory not enough", "OK"]

    on_module(work)


def test_a_silent_peer_that_is_gone_is_found_by_probes() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await open_tcp(bench, peer.port)
            assert await bench.ask('AT+QICFG="tcp/keepalive",1,60,25,3') == ["OK"]
            await open_tcp(bench, peer.port, id=1)
            await asyncio.sleep(500)
            assert bench.port.host_read() == b""
            bench.simulation.network.patch(outage=True)
            heard = await bench.port.host_read_until(b'"closed",1\r\n', 300)
            assert b'"closed",0' in heard + await bench.port.host_quiet(60)

    on_module(work)


def test_lost_segments_are_repeated_as_often_as_the_host_says() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await bench.ask('AT+QICFG="tcp/retranscfg",3,5')
            await open_tcp(bench, peer.port)
            bench.simulation.network.patch(outage=True)
            start = asyncio.get_running_loop().time()
            assert await bench.ask('AT+QISEND=0,4,"lost"') == ["OK"]
            await told(bench, b'+QIURC: "closed",0')
            assert asyncio.get_running_loop().time() - start < 5
            await bench.ask("AT+QICLOSE=0")

    on_module(work)


def test_a_connection_beats_by_itself_and_tells_when_nobody_answers() -> None:
    got: list[tuple[float, bytes]] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            got.append((asyncio.get_running_loop().time(), data))

    async def work(bench: Bench) -> None:
        async with Peer(listen) as peer:
            assert await bench.ask('AT+QICFG="send/auto",1,30,"AA"') == ["OK"]
            assert await bench.ask('AT+QICFG="send/auto",1') == ['+QICFG: "send/auto",1,30,"AA",0,0', "OK"]
            await open_tcp(bench, peer.port, id=1)
            await asyncio.sleep(95)
            assert [data for _, data in got] == [b"\xaa"] * 3
            assert got[1][0] - got[0][0] == pytest.approx(30, abs=0.5)
            await bench.ask('AT+QICFG="send/auto",1,20,"hello",2')
            await asyncio.sleep(25)
            assert got[-1][1] == b"hello"
            bench.simulation.network.patch(outage=True)
            await told(bench, b'+QIURC: "sendauto/timeout",1', 60)
            bench.simulation.network.patch(outage=False)
            await asyncio.sleep(60)
            await bench.ask('AT+QICFG="send/auto",1,0')
            count = len(got)
            await asyncio.sleep(100)
            assert len(got) == count
            await bench.ask('AT+QICFG="send/auto",1,20,"00"')
            assert await bench.ask("AT+QICLOSE=1") == ["OK"]
            await asyncio.sleep(100)
            assert len(got) == count

    on_module(work)


def test_what_is_to_be_ignored_is_not_told_and_the_rest_is() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await bench.ask('AT+QICFG="recv/ignore",0,"pong",2')
            await open_tcp(bench, peer.port)
            for data, heard in (("pong", False), ("ping", True), ("pongs", True)):
                assert await bench.ask(f'AT+QISEND=0,{len(data)},"{data}"') == ["OK"]
                assert (b'"recv",0' in await bench.port.host_quiet(2)) is heard
            await bench.ask('AT+QICFG="recv/ignore",0,"6f6e",0,1')
            assert await bench.ask('AT+QISEND=0,5,"pongs"') == ["OK"]
            assert b'"recv",0' not in await bench.port.host_quiet(2)

    on_module(work)


def test_only_the_wake_up_data_wakes_a_module_that_sleeps() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(keep) as peer:
            await bench.ask('AT+QICFG="wakeup/data",0,"wake",2')
            await open_tcp(bench, peer.port)
            peer.writers[0].write(b"awake")
            await told(bench, b"awake")
            assert await bench.ask("AT+QSCLK=2") == ["OK"]
            await asyncio.sleep(20)
            assert bench.simulation.ue.sleeper.dozing
            peer.writers[0].write(b"other")
            assert await bench.port.host_quiet(5) == b""
            peer.writers[0].write(b"wake")
            await told(bench, b'+QIURC: "wakeup/data",0')

    on_module(work, "timing.inactivity=5s")


@pytest.mark.parametrize(("item", "first", "last"), [(2, 1.9, 2.1), (0, 600.0, 600.0)])
def test_the_prompt_waits_as_long_as_the_host_says(item: int, first: float, last: float) -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await bench.ask(f'AT+QICFG="qisend/timeout",{item}')
            await open_tcp(bench, peer.port)
            bench.port.host_write(b"AT+QISEND=0,5\r")
            await bench.port.host_read_until(b">", 5)
            start = asyncio.get_running_loop().time()
            if item:
                await told(bench, b"ERROR", 5)
                assert first <= asyncio.get_running_loop().time() - start <= last
                assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 569,operation timeout", "OK"]
            else:
                await asyncio.sleep(last)
                bench.port.host_write(b"\x1a\x1b\r\n+")
                await told(bench, b"SEND OK")

    on_module(work)


def test_queries_are_repeated_and_answers_kept_as_the_host_says() -> None:
    async def work(bench: Bench) -> None:
        asked = 'AT+QIDNSGIP=1,"echo.modemsim.test"'
        found = b'+QIURC: "dnsgip","192.0.2.7"'
        assert await bench.ask(asked) == ["OK"]
        await told(bench, found)
        bench.simulation.network.patch(outage=True)
        assert await bench.ask(asked) == ["OK"]
        await told(bench, found)
        await bench.ask('AT+QICFG="dns/cache",0')
        for repetitions, milliseconds in ((1, 100), (4, 2000)):
            await bench.ask(f'AT+QICFG="dns/retry",{repetitions},{milliseconds}')
            assert await bench.ask(asked) == ["OK"]
            start = asyncio.get_running_loop().time()
            await told(bench, b'+QIURC: "dnsgip",565')
            taken = asyncio.get_running_loop().time() - start
            assert taken == pytest.approx((1 + repetitions) * milliseconds / 1000, abs=0.3)

    on_module(work)


def test_send_ok_comes_at_once_or_with_the_acknowledgement() -> None:
    async def work(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await open_tcp(bench, peer.port)
            loop = asyncio.get_running_loop()
            for mode, line in ((1, b"SEND OK"), (4, b"+QIURC: 0,SEND OK")):
                await bench.ask(f'AT+QICFG="TCP/SendMode",{mode}')
                bench.simulation.network.patch(outage=True)
                loop.call_later(5, lambda: bench.simulation.network.patch(outage=False))
                start = loop.time()
                bench.port.host_write(b"AT+QISEND=0,4\r")
                await bench.port.host_read_until(b">", 5)
                bench.port.host_write(b"data")
                heard = await told(bench, line)
                assert loop.time() - start > 5
                assert (b"\r\nOK\r\n" in heard) is (mode == 4)
                await bench.port.host_quiet(5)
            bench.simulation.network.patch(outage=True)
            await bench.ask('AT+QICFG="TCP/SendMode",1')
            bench.port.host_write(b"AT+QISENDEX=0,00\r")
            await told(bench, b"SEND FAIL", 900)
            assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 558,socket write failed", "OK"]

    on_module(work)


def test_an_activation_is_repeated() -> None:
    async def work(bench: Bench) -> None:
        await bench.ask("AT+CFUN=4")
        await bench.port.host_quiet(5)
        for counts in (2, 4):
            await bench.ask(f'AT+QICFG="pdp/retry",{counts}')
            start = asyncio.get_running_loop().time()
            assert await bench.ask("AT+QIACT=1") == ["ERROR"]
            assert asyncio.get_running_loop().time() - start == pytest.approx(1 + counts, abs=0.1)

    on_module(work, "timing.pdp_activate=1s")
