"""Applications: created, published with every kind of setting, assigned, owned, changed, unpublished."""

from msgraph_beta.generated.models.app_role import AppRole
from msgraph_beta.generated.models.application import Application
from msgraph_beta.generated.models.external_authentication_type import ExternalAuthenticationType
from msgraph_beta.generated.models.implicit_grant_settings import ImplicitGrantSettings
from msgraph_beta.generated.models.kerberos_sign_on_mapping_attribute_type import KerberosSignOnMappingAttributeType
from msgraph_beta.generated.models.kerberos_sign_on_settings import KerberosSignOnSettings
from msgraph_beta.generated.models.on_premises_publishing import OnPremisesPublishing
from msgraph_beta.generated.models.on_premises_publishing_single_sign_on import OnPremisesPublishingSingleSignOn
from msgraph_beta.generated.models.reference_create import ReferenceCreate
from msgraph_beta.generated.models.single_sign_on_mode import SingleSignOnMode
from msgraph_beta.generated.models.web_application import WebApplication

from .client import Session, get, ids, refused

OWNER = "7d1f4a6e-3f1c-4a55-9d53-0a5d3f2c9b10"


async def tell(session: Session) -> None:
    await an_application_keeps_what_it_is_given(session)
    await publishing_is_merged_and_taken_back(session)
    await a_group_is_assigned_and_taken_away(session)
    await two_applications_cannot_have_one_url(session)
    await owners_are_added_and_removed(session)


async def an_application_keeps_what_it_is_given(session: Session) -> None:
    made = await session.graph.applications.post(
        Application(display_name=f"{session.name} Gehälter", sign_in_audience="AzureADMyOrg", notes="für alle")
    )
    assert (made.display_name, made.sign_in_audience) == (f"{session.name} Gehälter", "AzureADMyOrg"), made
    assert made.created_date_time is not None and made.identifier_uris == [] and made.tags == [], made
    one = session.application(made.id)
    url = session.external_url("salaries")
    role = AppRole(
        id="3a1f3a8c-0b1e-4d0b-9f6a-3f3b1f0e2d11",
        value="Reader",
        display_name="Reader",
        description="May read",
        is_enabled=True,
        allowed_member_types=["User"],
    )
    await one.patch(
        Application(
            identifier_uris=[f"api://{made.app_id}"],
            web=WebApplication(
                home_page_url=url,
                redirect_uris=[url],
                implicit_grant_settings=ImplicitGrantSettings(enable_id_token_issuance=True),
            ),
            app_roles=[role],
            tags=["Übungen"],
        )
    )
    read = await one.get()
    assert read.identifier_uris == [f"api://{made.app_id}"], read
    assert (read.web.home_page_url, read.web.redirect_uris) == (url, [url]), read.web
    assert read.web.implicit_grant_settings.enable_id_token_issuance is True, read.web
    assert [(found.value, str(found.id)) for found in read.app_roles] == [("Reader", str(role.id))], read.app_roles
    assert (read.tags, read.notes, read.display_name) == (["Übungen"], "für alle", f"{session.name} Gehälter"), read
    await one.delete()
    await refused(one.get(), 404, "Request_ResourceNotFound", made.id)


async def publishing_is_merged_and_taken_back(session: Session) -> None:
    published = await session.published("settings", is_http_only_cookie_enabled=True, application_server_timeout="long")
    one = session.application(published.id)
    assert (await one.get()).on_premises_publishing is None, "left out unless it is selected"
    sign_on = OnPremisesPublishingSingleSignOn(
        single_sign_on_mode=SingleSignOnMode.OnPremisesKerberos,
        kerberos_sign_on_settings=KerberosSignOnSettings(
            kerberos_service_principal_name="HTTP/intranet.internal.example",
            kerberos_sign_on_mapping_attribute_type=KerberosSignOnMappingAttributeType.OnPremisesSAMAccountName,
        ),
    )
    change = OnPremisesPublishing(
        single_sign_on_settings=sign_on,
        is_translate_links_in_body_enabled=True,
        external_authentication_type=ExternalAuthenticationType.AadPreAuthentication,
    )
    await one.patch(Application(on_premises_publishing=change))
    read = (await get(one, select=["id", "onPremisesPublishing"])).on_premises_publishing
    assert read.external_url == session.external_url("settings"), "what was not named stays"
    assert (read.is_http_only_cookie_enabled, read.application_server_timeout) == (True, "long"), read
    assert (read.is_translate_links_in_body_enabled, read.is_on_prem_publishing_enabled) == (True, True), read
    assert read.external_authentication_type == ExternalAuthenticationType.AadPreAuthentication, read
    kerberos = read.single_sign_on_settings.kerberos_sign_on_settings
    assert read.single_sign_on_settings.single_sign_on_mode == SingleSignOnMode.OnPremisesKerberos, read
    assert kerberos.kerberos_service_principal_name == "HTTP/intranet.internal.example", kerberos
    tags = (await one.get()).tags
    assert "WindowsAzureActiveDirectoryOnPremApp" in tags, tags

    sentinel = "PowerShellDeleteApplication"
    nowhere = OnPremisesPublishing(internal_url=sentinel, external_url=sentinel)
    await one.patch(Application(on_premises_publishing=nowhere))
    unpublished = await get(one, select=["id", "tags", "onPremisesPublishing"])
    assert unpublished.on_premises_publishing is None, unpublished
    assert "WindowsAzureActiveDirectoryOnPremApp" not in unpublished.tags, unpublished.tags
    await refused(one.connector_group.get(), 404, "Application_NotFound", published.id)
    await one.delete()


async def a_group_is_assigned_and_taken_away(session: Session) -> None:
    group = await session.new_group("assigned")
    application = await session.published("assigned")
    assignment = session.application(application.id).connector_group
    assert (await assignment.get()).is_default is True, "published applications start in the default group"
    await session.assign(application.id, group.id)
    await session.assign(application.id, group.id)
    assert (await get(assignment, select=["id", "name"])).name == f"{session.name} assigned"
    of_group = session.group(group.id)
    assert ids((await of_group.applications.get()).value) == [application.id]
    assert await of_group.applications.count.get() == 1
    by_app_id = await of_group.applications_with_app_id(application.app_id).get()
    assert by_app_id.id == application.id, by_app_id
    selected = await get(of_group.applications, select=["id", "onPremisesPublishing"])
    assert selected.value[0].on_premises_publishing.external_url == session.external_url("assigned"), selected
    await refused(of_group.delete(), 400, "Request_BadRequest", f"{session.name} assigned")

    await assignment.ref.delete()
    assert (await assignment.get()).is_default is True, "taken away, it falls back to the default group"
    await session.application(application.id).delete()
    await of_group.delete()


async def two_applications_cannot_have_one_url(session: Session) -> None:
    first = await session.published("twins")
    second = await session.new_application("other twin")
    taken = OnPremisesPublishing(
        internal_url="http://another.internal.example/", external_url=session.external_url("twins")
    )
    publish = session.application(second.id).patch(Application(on_premises_publishing=taken))
    await refused(publish, 400, "ExternalUrl_Duplicate", session.external_url("twins"))
    read = await get(session.application(second.id), select=["onPremisesPublishing"])
    assert read.on_premises_publishing is None, read
    for application in (first, second):
        await session.application(application.id).delete()


async def owners_are_added_and_removed(session: Session) -> None:
    application = await session.new_application("owned")
    owners = session.application(application.id).owners
    before = await owners.count.get()
    reference = ReferenceCreate(odata_id=session.url(f"directoryObjects/{OWNER}"))
    await owners.ref.post(reference)
    assert await owners.count.get() == before + 1
    assert OWNER in ids((await owners.get()).value)
    await refused(owners.ref.post(reference), 400, "Request_BadRequest", "already exist")
    await owners.by_directory_object_id(OWNER).ref.delete()
    assert await owners.count.get() == before
    await session.application(application.id).delete()
