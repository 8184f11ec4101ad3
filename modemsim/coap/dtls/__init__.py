"""DTLS 1.2 with pre-shared keys, without sockets and clocks of its own.

`association.Association` is one session as a pure object (step, feed, write, close, up, ended, deadline) on
one of two libraries; `client.DtlsClientSocket` and `server.DtlsServerSocket` put it between a CoAP endpoint
and a datagram socket. The libraries are imported when the first session is made, not before.
"""
