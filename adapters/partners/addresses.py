"""Connects to partners at checked addresses only, so that no partner's host leads into our own network.

The name is looked up once, all that it leads to is checked, and exactly that is connected to: a name that leads
elsewhere a moment later (rebinding) changes nothing. TLS still proves the host's name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from httpcore2 import (
    SOCKET_OPTION,
    AnyIOBackend,
    AsyncNetworkBackend,
    AsyncNetworkStream,
    ConnectError,
    ConnectTimeout,
)

from adapters.partners.endpoints import canonical_host

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to the addresses that they lead to; an OSError where there are none."""

# More than these share too little of the connection's time each.
MOST_ADDRESSES = 3

_ROUTED_IPV6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")
# What Python's own tables call global in one version or another, and is not a partner: special assignments, relays of
# 6to4, documentation, and the platform's address inside Azure's machines.
_NEVER = tuple(
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/23", "3fff::/20"))
)


class AddressRefused(Exception):
    """The host leads to an address that is not the public internet's; nothing was connected."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(
            f"this address is not allowed: {host} leads to {address}, which is not on the public internet; "
            f"if that is meant, name {host} in RACORD_PARTNER_PRIVATE_HOSTS"
        )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether packets to it leave for the public internet, also after a translation of IPv6 into IPv4."""
    if isinstance(address, IPv6Address):
        inner = _translated(address)
        if inner is not None:
            return is_public(inner)
        if address not in _ROUTED_IPV6:
            return False
    closed = address.is_multicast or address.is_reserved or not address.is_global
    return not closed and not any(address in network for network in _NEVER)


def _translated(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside: mapped, 6to4 or NAT64. (Teredo's and NAT64's local prefix are never public.)"""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """What the machine's own resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class CheckedNetwork(AsyncNetworkBackend):
    """A network whose TCP connections lead to public addresses, and to anywhere for the hosts ``allowed``."""

    def __init__(
        self,
        allowed: Collection[str],
        resolve: Resolver = resolve_by_system,
        network: AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._resolve = resolve
        self._network = network or AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connects within ``timeout`` seconds, the look-up included. Raises :class:`AddressRefused`."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._checked(host, port)
                each = None if timeout is None else timeout / len(addresses)
                return await self._first(addresses, port, each)
        except TimeoutError as error:
            raise ConnectTimeout from error

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            found = list(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError) as error:
            raise ConnectError(f"the name {host} leads nowhere") from error
        if not found:
            raise ConnectError(f"the name {host} leads nowhere")
        if canonical_host(host) not in self._allowed:
            for address in found:
                if not is_public(ip_address(address)):
                    raise AddressRefused(host, address)
        return found[:MOST_ADDRESSES]

    async def _first(self, addresses: Sequence[str], port: int, each: float | None) -> AsyncNetworkStream:
        """A connection to the first address that takes one; the last one's error where none does."""
        *others, last = addresses
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, timeout=each)
            except (ConnectError, ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout=each)
