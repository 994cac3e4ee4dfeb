"""Who may use an application: templates, service principals, their roles, and who is assigned to them."""

import datetime
from uuid import UUID

from msgraph_beta.generated.application_templates.item.instantiate.instantiate_post_request_body import (
    InstantiatePostRequestBody,
)
from msgraph_beta.generated.models.app_role_assignment import AppRoleAssignment
from msgraph_beta.generated.models.application import Application
from msgraph_beta.generated.models.service_principal import ServicePrincipal

from .client import Session, get, ids, is_guid, refused

CUSTOM = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
USER_ROLE = "18d14569-c3bd-439b-9a66-3a2aee01d14f"
ANY_ROLE = UUID(int=0)
USER = UUID("2fe96d23-5dc6-4f35-8222-0426a8c115c8")


async def tell(session: Session) -> None:
    made = await a_template_makes_both(session)
    await roles_are_assigned_and_taken_away(session, made.service_principal.id)
    await a_service_principal_is_read_and_changed(session, made)
    await session.application(made.application.id).delete()
    await a_service_principal_of_its_own(session)
    await a_published_application_has_one(session)


async def a_template_makes_both(session: Session):
    templates = session.graph.application_templates
    found = (await get(templates, filter="displayName eq 'Custom'")).value
    assert ids(found) == [CUSTOM], found
    custom = templates.by_application_template_id(CUSTOM)
    assert (await custom.get()).display_name == "Custom"
    assert await templates.count.get() >= 1
    made = await custom.instantiate.post(InstantiatePostRequestBody(display_name=f"{session.name} from a template"))
    assert made.application.display_name == f"{session.name} from a template", made
    assert made.application.app_id == made.service_principal.app_id and is_guid(made.service_principal.id), made
    # This SDK's model of an application does not know the property.
    assert str(made.application.additional_data["applicationTemplateId"]) == CUSTOM, made
    assert USER_ROLE in [str(role.id) for role in made.service_principal.app_roles], made.service_principal.app_roles
    assert (await session.application(made.application.id).get()).app_id == made.application.app_id
    return made


async def roles_are_assigned_and_taken_away(session: Session, resource: str) -> None:
    one = session.graph.service_principals.by_service_principal_id(resource)
    wanted = AppRoleAssignment(principal_id=USER, resource_id=UUID(resource), app_role_id=UUID(USER_ROLE))
    assigned = await one.app_role_assigned_to.post(wanted)
    assert (str(assigned.principal_id), str(assigned.resource_id)) == (str(USER), resource), assigned
    assert str(assigned.app_role_id) == USER_ROLE and assigned.id, assigned
    age = datetime.datetime.now(datetime.timezone.utc) - assigned.creation_timestamp
    assert age < datetime.timedelta(minutes=10), assigned
    assert await one.app_role_assigned_to.count.get() == 1
    listed = (await one.app_role_assigned_to.get()).value
    assert ids(listed) == [assigned.id], listed
    read = await one.app_role_assigned_to.by_app_role_assignment_id(assigned.id).get()
    assert str(read.principal_id) == str(USER), read
    await refused(one.app_role_assigned_to.post(wanted), 400, "Request_BadRequest", "already")
    stranger = AppRoleAssignment(principal_id=USER, resource_id=UUID(resource), app_role_id=UUID(int=7))
    await refused(one.app_role_assigned_to.post(stranger), 400, "Request_BadRequest", str(UUID(int=7)))

    await one.app_role_assigned_to.by_app_role_assignment_id(assigned.id).delete()
    assert (await one.app_role_assigned_to.get()).value == []


async def a_service_principal_is_read_and_changed(session: Session, made) -> None:
    principals = session.graph.service_principals
    by_app = (await get(principals, filter=f"appId eq '{made.application.app_id}'")).value
    assert ids(by_app) == [made.service_principal.id], by_app
    with_app_id = await session.graph.service_principals_with_app_id(made.application.app_id).get()
    assert with_app_id.id == made.service_principal.id, with_app_id
    one = principals.by_service_principal_id(made.service_principal.id)
    await one.patch(ServicePrincipal(app_role_assignment_required=True, preferred_single_sign_on_mode="notSupported"))
    read = await one.get()
    assert (read.app_role_assignment_required, read.preferred_single_sign_on_mode) == (True, "notSupported"), read
    assert read.display_name == f"{session.name} from a template", "what was not named stays"

    other = await session.graph.application_templates.by_application_template_id(CUSTOM).instantiate.post(
        InstantiatePostRequestBody(display_name=f"{session.name} caller")
    )
    caller = principals.by_service_principal_id(other.service_principal.id)
    assignment = AppRoleAssignment(
        principal_id=UUID(other.service_principal.id), resource_id=UUID(made.service_principal.id), app_role_id=ANY_ROLE
    )
    assigned = await caller.app_role_assignments.post(assignment)
    assert ids((await caller.app_role_assignments.get()).value) == [assigned.id]
    assert ids((await one.app_role_assigned_to.get()).value) == [assigned.id], "the same one, seen from the resource"
    assert assigned.principal_display_name == f"{session.name} caller", assigned
    assert assigned.principal_type == "ServicePrincipal", assigned
    await caller.app_role_assignments.by_app_role_assignment_id(assigned.id).delete()
    assert (await one.app_role_assigned_to.get()).value == []
    await session.application(other.application.id).delete()
    await refused(caller.get(), 404, "Request_ResourceNotFound", other.service_principal.id)


async def a_service_principal_of_its_own(session: Session) -> None:
    application = await session.graph.applications.post(Application(display_name=f"{session.name} bare"))
    principals = session.graph.service_principals
    tags = ["WindowsAzureActiveDirectoryIntegratedApp"]
    made = await principals.post(ServicePrincipal(app_id=application.app_id, tags=tags))
    assert (made.app_id, made.tags, made.display_name) == (application.app_id, tags, f"{session.name} bare"), made
    again = principals.post(ServicePrincipal(app_id=application.app_id))
    await refused(again, 400, "Request_MultipleObjectsWithSameKeyValue", application.app_id)
    nothing = principals.post(ServicePrincipal(app_id=str(UUID(int=7))))
    await refused(nothing, 404, "Request_ResourceNotFound", str(UUID(int=7)))
    await principals.by_service_principal_id(made.id).delete()
    gone = (await get(principals, filter=f"appId eq '{application.app_id}'")).value
    assert gone == [], gone
    await session.application(application.id).delete()


async def a_published_application_has_one(session: Session) -> None:
    application = await session.published("with a principal")
    principals = session.graph.service_principals
    tagged = "tags/any(t:t eq 'WindowsAzureActiveDirectoryOnPremApp')"
    found = (await get(principals, filter=f"{tagged} and appId eq '{application.app_id}'", count=True)).value
    assert [one.display_name for one in found] == [f"{session.name} with a principal"], found
    await session.application(application.id).delete()
