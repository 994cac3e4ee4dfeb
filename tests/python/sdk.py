"""Administers a running server with the unmodified msgraph-beta-sdk.

Usage: sdk.py SERVER TOKEN CA NAME

Lists the connectors, creates a connector group, moves the connector into it, publishes an application, assigns the
group to it, and reads everything back. Only the base URL and the token are ours; anything unexpected is an error.
"""

import asyncio
import os
import sys
from urllib.parse import urlparse

SERVER, TOKEN, CA, NAME = sys.argv[1:]
os.environ["SSL_CERT_FILE"] = CA

from kiota_abstractions.authentication import (  # noqa: E402  (the CA must be named before the client is made)
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from msgraph_beta import GraphRequestAdapter, GraphServiceClient  # noqa: E402
from msgraph_beta.generated.models.application import Application  # noqa: E402
from msgraph_beta.generated.models.connector_group import ConnectorGroup  # noqa: E402
from msgraph_beta.generated.models.connector_status import ConnectorStatus  # noqa: E402
from msgraph_beta.generated.models.external_authentication_type import ExternalAuthenticationType  # noqa: E402
from msgraph_beta.generated.models.on_premises_publishing import OnPremisesPublishing  # noqa: E402
from msgraph_beta.generated.models.reference_create import ReferenceCreate  # noqa: E402
from msgraph_beta.generated.models.reference_update import ReferenceUpdate  # noqa: E402


class GivenToken(AccessTokenProvider):
    """Hands out the one token that was given, to the server's host and to no other."""

    def __init__(self, host: str) -> None:
        self._hosts = AllowedHostsValidator([host])

    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return TOKEN if self._hosts.is_url_host_valid(uri) else ""

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return self._hosts


def client() -> GraphServiceClient:
    provider = BaseBearerTokenAuthenticationProvider(GivenToken(urlparse(SERVER).hostname))
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{SERVER}/beta"
    return GraphServiceClient(request_adapter=adapter)


async def administer() -> None:
    graph = client()
    profile = graph.on_premises_publishing_profiles.by_on_premises_publishing_profile_id("applicationProxy")

    connectors = (await profile.connectors.get()).value
    assert len(connectors) == 1, connectors
    connector = connectors[0]
    assert connector.machine_name == "sdk-machine", connector
    assert connector.status == ConnectorStatus.Active, connector
    assert connector.external_ip == "127.0.0.1", connector

    group = await profile.connector_groups.post(ConnectorGroup(name=f"{NAME} group"))
    assert group.id and not group.is_default, group

    members = profile.connector_groups.by_connector_group_id(group.id).members
    of_profile = f"{SERVER}/beta/onPremisesPublishingProfiles/applicationProxy"
    await members.ref.post(ReferenceCreate(odata_id=f"{of_profile}/connectors/{connector.id}"))
    assert [member.id for member in (await members.get()).value] == [connector.id]

    application = await graph.applications.post(Application(display_name=f"{NAME} application"))
    published = graph.applications.by_application_id(application.id)
    publishing = OnPremisesPublishing(
        internal_url=f"http://{NAME}.internal.example/",
        external_url=f"https://{NAME}.apps.example/",
        external_authentication_type=ExternalAuthenticationType.Passthru,
    )
    await published.patch(Application(on_premises_publishing=publishing))
    await published.connector_group.ref.put(ReferenceUpdate(odata_id=f"{of_profile}/connectorGroups/{group.id}"))

    assigned = await published.connector_group.get()
    assert (assigned.id, assigned.name) == (group.id, f"{NAME} group"), assigned
    group_of_connector = (await profile.connectors.by_connector_id(connector.id).member_of.get()).value
    assert [found.id for found in group_of_connector] == [group.id], group_of_connector
    print(f"read back: {application.display_name} is served by {assigned.name}")


asyncio.run(administer())
