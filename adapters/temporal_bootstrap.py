"""What Racord wants of a Temporal namespace: long retention, and attributes to find workflows by."""

import asyncio
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.names import SEARCH_PARTNER, SEARCH_STATUS, SEARCH_WAITING_ON

RETENTION: Final = timedelta(days=365)
KEYWORD: Final = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
ATTRIBUTES: Final = (SEARCH_STATUS, SEARCH_PARTNER, SEARCH_WAITING_ON)


class TemporalBootstrapError(RuntimeError):
    """The namespace cannot be made fit; the text says what to do."""


async def bootstrap(client: Client, retention: timedelta = RETENTION) -> None:
    """Give the client's namespace its retention and search attributes; what is right already is left alone.

    Raises :class:`TemporalBootstrapError` when an attribute exists with another type, and
    :class:`temporalio.service.RPCError` when the server refuses or does not answer.
    """
    await _keep_histories(client, retention)
    await _register_attributes(client)


async def _keep_histories(client: Client, retention: timedelta) -> None:
    """By default closed workflows vanish after a day, or the namespace does not exist at all."""
    service = client.workflow_service
    wanted = Duration()
    wanted.FromTimedelta(retention)
    try:
        found = await service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), retry=True
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        await _register(client, wanted)
        return
    if found.config.workflow_execution_retention_ttl != wanted:
        config = NamespaceConfig(workflow_execution_retention_ttl=wanted)
        await service.update_namespace(
            UpdateNamespaceRequest(namespace=client.namespace, config=config), retry=True
        )


async def _register(client: Client, retention: Duration) -> None:
    request = RegisterNamespaceRequest(
        namespace=client.namespace, workflow_execution_retention_period=retention
    )
    try:
        await client.workflow_service.register_namespace(request, retry=True)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another process was faster
            raise
    # The server's own caches learn of it within seconds; until then it denies the namespace.
    for _ in range(600):
        try:
            await _attributes(client)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.1)
        else:
            return
    raise TemporalBootstrapError(f"namespace {client.namespace} was registered and is not known after 60 s")


async def _register_attributes(client: Client) -> None:
    missing = [name for name in ATTRIBUTES if name not in await _attributes(client)]
    if missing:
        request = AddSearchAttributesRequest(
            namespace=client.namespace, search_attributes=dict.fromkeys(missing, KEYWORD)
        )
        try:
            await client.operator_service.add_search_attributes(request, retry=True)
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another process was faster
                raise
    found = await _settled_attributes(client)
    # The server takes a second registration under another type without a word.
    if wrong := [name for name in ATTRIBUTES if found[name] != KEYWORD]:
        raise TemporalBootstrapError(
            f"search attributes {', '.join(wrong)} of namespace {client.namespace} are not of type Keyword: "
            "remove them with `temporal operator search-attribute remove`, or use another namespace"
        )


async def _settled_attributes(client: Client) -> dict[str, IndexedValueType.ValueType]:
    """What the server lists, once that includes ours: it may answer from a cache for a while."""
    for _ in range(600):
        if set(ATTRIBUTES) <= (found := await _attributes(client)).keys():
            return found
        await asyncio.sleep(0.1)
    raise TemporalBootstrapError(
        f"namespace {client.namespace} does not list {', '.join(ATTRIBUTES)} after 60 s"
    )


async def _attributes(client: Client) -> dict[str, IndexedValueType.ValueType]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    return dict((await client.operator_service.list_search_attributes(request, retry=True)).custom_attributes)
