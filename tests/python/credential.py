"""Administers a running server as a program and as a user, by azure-identity's credentials and the unmodified
msgraph-beta-sdk.

Usage: credential.py SERVER TENANT CLIENT SECRET CA NAME USER PASSWORD

What a script for Microsoft Graph has to change is the authority host, the base URL and, if it likes, the scope. The
program is `CLIENT`; it has the role Directory.ReadWrite.All, and so has the user. Prints a line for each story that ended well.
"""

import asyncio
import base64
import json
import os
import re
import sys

sys.dont_write_bytecode = True
SERVER, TENANT, CLIENT, SECRET, CA, NAME, USER, PASSWORD = sys.argv[1:]
# The CA must be named before the libraries make their HTTP clients.
os.environ["SSL_CERT_FILE"] = CA
os.environ["REQUESTS_CA_BUNDLE"] = CA

import requests  # noqa: E402
from azure.core.exceptions import ClientAuthenticationError  # noqa: E402
from azure.identity import ClientSecretCredential, DeviceCodeCredential  # noqa: E402
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential  # noqa: E402
from kiota_authentication_azure.azure_identity_authentication_provider import (  # noqa: E402
    AzureIdentityAuthenticationProvider,
)
from msgraph_beta import GraphRequestAdapter  # noqa: E402

from graph_sdk import administer, application  # noqa: E402
from graph_sdk.client import Session  # noqa: E402

SCOPE = "api://adit/.default"


class ProgramSession(Session):
    """A session whose client asks azure-identity for its tokens."""

    def __init__(self, credential, name: str) -> None:
        self._credential = credential
        super().__init__(SERVER, "", "", name)

    def _adapter(self, server: str, token: str) -> GraphRequestAdapter:
        provider = AzureIdentityAuthenticationProvider(
            self._credential, scopes=[SCOPE], allowed_hosts=[server.split("//")[1].split(":")[0]]
        )
        adapter = GraphRequestAdapter(provider)
        adapter.base_url = self.base
        return adapter


def claims_of(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def check(token: str) -> None:
    claims = claims_of(token)
    assert claims["roles"] == ["Directory.ReadWrite.All"], claims
    assert (claims["appid"], claims["tid"], claims["aud"]) == (CLIENT, TENANT, "api://adit"), claims
    assert claims["iss"] == f"{SERVER}/{TENANT}/v2.0", claims


async def the_asynchronous_credential() -> None:
    """Nothing but the authority host, the base URL and the scope is changed."""
    async with AsyncClientSecretCredential("adit", CLIENT, SECRET, authority=SERVER) as credential:
        check((await credential.get_token(SCOPE)).token)
        # What a script asks for that changes nothing but the hosts.
        check((await credential.get_token("https://graph.microsoft.com/.default")).token)
        session = ProgramSession(credential, f"{NAME} asynchronous")
        await administer.tell(session)
        await application.tell(session)


async def the_credential_of_msal() -> None:
    """MSAL asks Microsoft about hosts that it does not know, unless it is told not to, or the tenant is called `adfs`."""
    told = ClientSecretCredential(TENANT, CLIENT, SECRET, authority=SERVER, disable_instance_discovery=True)
    check(told.get_token(SCOPE).token)
    nothing_else = ClientSecretCredential("adfs", CLIENT, SECRET, authority=SERVER)
    check(nothing_else.get_token(SCOPE).token)
    await administer.tell(ProgramSession(told, f"{NAME} msal"))


def sign_in(verification_uri: str, user_code: str, expires_on) -> None:
    """What a user does in a browser on another device."""
    browser = requests.Session()
    browser.trust_env = False
    browser.verify = CA
    assert "Enter the code" in browser.get(verification_uri).text
    page = browser.post(verification_uri, data={"user_code": user_code.lower()}).text
    assert "<strong>Microsoft Azure CLI</strong>" in page, page
    flow = re.search(r'name="flow" value="([^"]+)"', page)[1]
    # The cookie's host is the server's own; it is Secure, and so is the way.
    done = browser.post(f"{SERVER}/adit/sign-in", data={"flow": flow, "name": USER, "password": PASSWORD})
    assert "You are signed in" in done.text, done.text


async def the_device_code_credential() -> None:
    for names in [{"tenant_id": TENANT, "disable_instance_discovery": True}, {"tenant_id": "adfs"}]:
        credential = DeviceCodeCredential(authority=SERVER, prompt_callback=sign_in, **names)
        claims = claims_of(credential.get_token(SCOPE).token)
        assert claims["scp"] == "Directory.ReadWrite.All" and claims["preferred_username"] == USER, claims
        assert "roles" not in claims, claims
    await administer.tell(ProgramSession(credential, f"{NAME} device"))


async def silent_renewal() -> None:
    """Whoever has signed in on a device is not asked again: the cache's refresh token does it, a new one each time."""
    for names in [{"tenant_id": TENANT, "disable_instance_discovery": True}, {"tenant_id": "adfs"}]:
        asked = []

        def sign_in_once(*answer) -> None:
            asked.append(answer)
            sign_in(*answer)

        credential = DeviceCodeCredential(authority=SERVER, prompt_callback=sign_in_once, **names)
        first = credential.get_token(SCOPE).token
        # A claim that has to be in the token makes MSAL pass over the access token that it has.
        for number in range(2):
            again = credential.get_token(SCOPE, claims='{"access_token":{"nbf":{"essential":true,"value":"%d"}}}' % number)
            assert again.token != first and claims_of(again.token)["scp"] == "Directory.ReadWrite.All"
            first = again.token
        narrower = claims_of(credential.get_token("api://adit/User.Read.All").token)
        assert narrower["scp"] == "User.Read.All", narrower
        assert len(asked) == 1, f"the user was asked {len(asked)} times"


async def refusals() -> None:
    for client, secret, number in [
        (CLIENT, "wrong", "AADSTS7000215"),
        ("11111111-2222-4333-8444-555555555555", SECRET, "AADSTS700016"),
    ]:
        credentials = [
            ClientSecretCredential(TENANT, client, secret, authority=SERVER, disable_instance_discovery=True),
            ClientSecretCredential("adfs", client, secret, authority=SERVER),
        ]
        for credential in credentials:
            refused(lambda: credential.get_token(SCOPE), number)
        async with AsyncClientSecretCredential("adit", client, secret, authority=SERVER) as credential:
            try:
                await credential.get_token(SCOPE)
            except ClientAuthenticationError as error:
                assert number in str(error), error
            else:
                raise AssertionError("not refused")
    credential = ClientSecretCredential("adfs", CLIENT, SECRET, authority=SERVER)
    refused(lambda: credential.get_token("https://vault.azure.net/.default"), "AADSTS500011")
    # MSAL does not get as far as the token endpoint: there is no such tenant.
    other = ClientSecretCredential("contoso", CLIENT, SECRET, authority=SERVER, disable_instance_discovery=True)
    refused(lambda: other.get_token(SCOPE), "")


def refused(call, words: str) -> None:
    try:
        call()
    except (ClientAuthenticationError, ValueError) as error:
        assert words in str(error), error
    else:
        raise AssertionError("not refused")


async def tell_all() -> None:
    for name, story in [
        ("asynchronous credential", the_asynchronous_credential),
        ("credential of MSAL", the_credential_of_msal),
        ("device code credential", the_device_code_credential),
        ("silent renewal", silent_renewal),
        ("refusals", refusals),
    ]:
        await story()
        print(f"{name}: as expected")


asyncio.run(tell_all())
