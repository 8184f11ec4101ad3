"""CoAP on one datagram socket: codec checks, message layer, endpoint and block-wise transfer."""
