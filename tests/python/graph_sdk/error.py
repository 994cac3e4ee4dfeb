"""What is refused: ODataError with status, code, a message that names what was wrong, and the request's id."""

from msgraph_beta.generated.models.application import Application
from msgraph_beta.generated.models.connector_group import ConnectorGroup
from msgraph_beta.generated.models.reference_create import ReferenceCreate
from msgraph_beta.generated.models.reference_update import ReferenceUpdate

from .client import Session, get, refused

NOBODY = "00000000-0000-4000-8000-000000000000"


async def tell(session: Session) -> None:
    groups = session.profile.connector_groups
    count = await groups.count.get()
    await bad_requests(session)
    await unknown_objects(session)
    await nobody_in_particular(session)
    assert await groups.count.get() == count, "a refused request changes nothing"


async def bad_requests(session: Session) -> None:
    groups = session.profile.connector_groups
    await refused(groups.post(ConnectorGroup()), 400, "Request_BadRequest", "name")
    taken = ConnectorGroup(name="DEFAULT")
    await refused(groups.post(taken), 400, "Request_MultipleObjectsWithSameKeyValue", "Default")
    await refused(get(groups, filter="name eq"), 400, "BadRequest", "filter")
    await refused(get(groups, orderby=["nosuchproperty desc"]), 400, "BadRequest", "nosuchproperty")
    await refused(get(groups, select=["id", "nosuchproperty"]), 400, "BadRequest", "nosuchproperty")
    await refused(get(groups, expand=["nosuchnavigation"]), 400, "BadRequest", "nosuchnavigation")
    await refused(get(groups, top=-1), 400, "BadRequest", "top")
    group = await session.new_group("misused")
    wrong = ReferenceCreate(odata_id=session.group_url(group.id))
    await refused(session.group(group.id).members.ref.post(wrong), 400, "Request_BadRequest", "connector")
    await refused(session.group(group.id).members.ref.post(ReferenceCreate()), 400, "Request_BadRequest", "@odata.id")
    await session.group(group.id).delete()


async def unknown_objects(session: Session) -> None:
    await refused(session.group(NOBODY).get(), 404, "ConnectorGroup_NotFound", NOBODY)
    await refused(session.group(NOBODY).members.get(), 404, "ConnectorGroup_NotFound", NOBODY)
    await refused(session.connector(NOBODY).get(), 404, "Connector_NotFound", NOBODY)
    await refused(session.application(NOBODY).get(), 404, "Request_ResourceNotFound", NOBODY)
    unknown = session.profile.connector_groups.by_connector_group_id("not a guid")
    await refused(unknown.get(), 404, "ConnectorGroup_NotFound", "not a guid")
    application = await session.new_application("not published")
    assignment = session.application(application.id).connector_group
    reference = ReferenceUpdate(odata_id=session.group_url(NOBODY))
    await refused(assignment.ref.put(reference), 404, "Application_NotFound", application.id)
    await refused(assignment.get(), 404, "Application_NotFound", application.id)
    await session.application(application.id).delete()


async def nobody_in_particular(session: Session) -> None:
    stranger = session.with_token("nonsense")
    await refused(stranger.profile.connector_groups.get(), 401, "InvalidAuthenticationToken", "token")
    reader = session.as_reader()
    assert (await reader.profile.connector_groups.get()).value, "a reader reads"
    refusals = [
        reader.profile.connector_groups.post(ConnectorGroup(name=f"{session.name} forbidden")),
        reader.graph.applications.post(Application(display_name=f"{session.name} forbidden")),
    ]
    for refusal in refusals:
        await refused(refusal, 403, "Authorization_RequestDenied", "Insufficient privileges")
