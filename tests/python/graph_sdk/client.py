"""The SDK's client for one server, and what every story needs: references, paths, refusals."""

from urllib.parse import urlparse
from uuid import UUID

from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph_beta import GraphRequestAdapter, GraphServiceClient
from msgraph_beta.generated.models.application import Application
from msgraph_beta.generated.models.connector_group import ConnectorGroup
from msgraph_beta.generated.models.external_authentication_type import ExternalAuthenticationType
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_beta.generated.models.on_premises_publishing import OnPremisesPublishing
from msgraph_beta.generated.models.reference_create import ReferenceCreate
from msgraph_beta.generated.models.reference_update import ReferenceUpdate


class GivenToken(AccessTokenProvider):
    """Hands out the one token that was given, to the server's host and to no other."""

    def __init__(self, host: str, token: str) -> None:
        self._hosts = AllowedHostsValidator([host])
        self._token = token

    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return self._token if self._hosts.is_url_host_valid(uri) else ""

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return self._hosts


class Session:
    """A client of one server, under one name."""

    def __init__(self, server: str, token: str, reader: str, name: str) -> None:
        self.base = f"{server}/beta"
        self.name = name
        self.adapter = self._adapter(server, token)
        self.graph = GraphServiceClient(request_adapter=self.adapter)
        self.profile = self.graph.on_premises_publishing_profiles.by_on_premises_publishing_profile_id(
            "applicationProxy"
        )
        self._server = server
        self._reader = reader

    def as_reader(self) -> "Session":
        """The same server for somebody who may only read."""
        return self.with_token(self._reader)

    def with_token(self, token: str) -> "Session":
        """The same server for somebody else."""
        return Session(self._server, token, self._reader, self.name)

    def _adapter(self, server: str, token: str) -> GraphRequestAdapter:
        provider = BaseBearerTokenAuthenticationProvider(GivenToken(urlparse(server).hostname, token))
        adapter = GraphRequestAdapter(provider)
        adapter.base_url = self.base
        return adapter

    def url(self, path: str) -> str:
        """The URL of an object, as a reference names it."""
        return f"{self.base}/{path}"

    def connector_url(self, connector: str) -> str:
        return self.url(f"onPremisesPublishingProfiles/applicationProxy/connectors/{connector}")

    def group_url(self, group: str) -> str:
        return self.url(f"onPremisesPublishingProfiles/applicationProxy/connectorGroups/{group}")

    def group(self, group: str):
        """The builder of one connector group."""
        return self.profile.connector_groups.by_connector_group_id(group)

    def connector(self, connector: str):
        """The builder of one connector."""
        return self.profile.connectors.by_connector_id(connector)

    def application(self, application: str):
        """The builder of one application."""
        return self.graph.applications.by_application_id(application)

    async def machine(self):
        """The one connector of the server."""
        found = [one for one in (await self.profile.connectors.get()).value if one.machine_name == "sdk-machine"]
        assert len(found) == 1, found
        return found[0]

    async def new_group(self, suffix: str) -> ConnectorGroup:
        group = await self.profile.connector_groups.post(ConnectorGroup(name=f"{self.name} {suffix}"))
        assert is_guid(group.id), group
        return group

    async def move(self, connector: str, group: str) -> None:
        await self.group(group).members.ref.post(ReferenceCreate(odata_id=self.connector_url(connector)))

    async def new_application(self, suffix: str) -> Application:
        application = await self.graph.applications.post(Application(display_name=f"{self.name} {suffix}"))
        assert is_guid(application.id) and is_guid(application.app_id), application
        return application

    async def published(self, suffix: str, **settings) -> Application:
        """A new application, published without pre-authentication at names of its own."""
        application = await self.new_application(suffix)
        publishing = OnPremisesPublishing(
            internal_url=self.internal_url(suffix),
            external_url=self.external_url(suffix),
            external_authentication_type=ExternalAuthenticationType.Passthru,
            **settings,
        )
        await self.application(application.id).patch(Application(on_premises_publishing=publishing))
        return application

    def internal_url(self, suffix: str) -> str:
        return f"http://{host_label(f'{self.name} {suffix}')}.internal.example/"

    def external_url(self, suffix: str) -> str:
        return f"https://{host_label(f'{self.name} {suffix}')}.apps.example/"

    async def assign(self, application: str, group: str) -> None:
        await self.application(application).connector_group.ref.put(ReferenceUpdate(odata_id=self.group_url(group)))


def with_query(builder, headers: dict[str, str] | None = None, **options) -> RequestConfiguration:
    """The request configuration of `builder`'s GET with these query options, of the type the SDK made for it."""
    names = [name for name in dir(type(builder)) if name.endswith("GetQueryParameters")]
    assert len(names) == 1, (builder, names)
    configuration = RequestConfiguration(query_parameters=getattr(type(builder), names[0])(**options))
    for name, value in (headers or {}).items():
        configuration.headers.add(name, value)
    return configuration


async def get(builder, headers: dict[str, str] | None = None, **options):
    """GET with query options."""
    return await builder.get(request_configuration=with_query(builder, headers, **options))


async def refused(awaitable, status: int, code: str, *words: str) -> ODataError:
    """Awaits a request that must fail as Graph's errors do, and gives the error as the SDK read it."""
    try:
        answered = await awaitable
    except ODataError as error:
        assert error.response_status_code == status, error
        assert error.error.code == code, error
        for word in words:
            assert word.lower() in error.error.message.lower(), (word, error.error.message)
        assert is_guid(error.error.inner_error.request_id), error
        assert error.error.inner_error.date is not None, error
        return error
    raise AssertionError(f"not refused: {answered}")


def host_label(text: str) -> str:
    """A host name's label made of a display name."""
    return "".join(letter for letter in text.lower().replace(" ", "-") if letter.isascii())


def is_guid(text: str) -> bool:
    return str(UUID(text)) == text


def names(items) -> list[str]:
    """The names or machine names of what a collection gave, in its order."""
    return [getattr(item, "name", None) or getattr(item, "machine_name", None) for item in items]


def ids(items) -> list[str]:
    return [item.id for item in items]
