"""The delays of the air, by the names that profiles give them."""

from __future__ import annotations

DELAYS = (
    "attach",  # from switching on to attached at coverage level 0, then 1 and 2
    "attach_ce1",
    "attach_ce2",
    "detach",  # the detach signalling
    "rrc_setup",  # idle to connected at coverage level 0, then 1 and 2
    "rrc_setup_ce1",
    "rrc_setup_ce2",
    "inactivity",  # last data to release by the network
    "rai_release",  # release assistance asked for, to release
    "latency_ce0",  # one way, per coverage level
    "latency_ce1",
    "latency_ce2",
    "search_retry",  # from the end of an outage, or a refusal for congestion, to the next search
    "out_of_coverage",  # from the start of an outage to the module noticing
    "reselection",  # an idle module finds a neighbour better, to having moved there
    "nitz",  # attach accepted to network time received
)
"""The names of a profile's [timing] that this package draws from."""
