"""$batch as msgraph-core writes it: absolute URLs, `depends_on`, bodies of models; and what each part answers.

msgraph-core reads the statuses of the parts, but no JSON body of any part, from whichever server: its JSON reader takes
bytes for base64 text only. So the requests are made by the SDK, and the bodies are read here.
"""

import json

from kiota_abstractions.request_information import RequestInformation
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from msgraph_beta.generated.models.application import Application
from msgraph_beta.generated.models.connector_group import ConnectorGroup
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_beta.generated.models.reference_create import ReferenceCreate
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.requests.batch_response_content import BatchResponseContent

from .client import Session, is_guid, refused
from .error import NOBODY


async def tell(session: Session) -> None:
    await parts_are_answered_one_by_one(session)
    await parts_wait_for_those_they_depend_on(session)
    await each_part_needs_its_own_permission(session)
    await twenty_fit_into_one(session)


ERRORS = {"XXX": ODataError}


async def send(session: Session, items: list[BatchRequestItem]) -> tuple[dict[str, int], dict[str, dict]]:
    """Sends the SDK's own request; the statuses as the SDK reads them, and the bodies."""
    content = BatchRequestContent({item.id: item for item in items})
    request = await BatchRequestBuilder(session.adapter).to_post_request_information(content)
    answer = await session.adapter.send_primitive_async(request, "bytes", ERRORS)
    read = JsonParseNodeFactory().get_root_parse_node("application/json", answer).get_object_value(BatchResponseContent)
    parts = json.loads(answer)["responses"]
    for part in parts:
        assert ("body" in part and part["body"] is not None) == (part["status"] != 204), part
        assert part["status"] == 204 or part["headers"]["Content-Type"].startswith("application/json"), part
    return read.get_response_status_codes(), {part["id"]: part.get("body") for part in parts}


async def send_by_the_builder(session: Session, items: list[BatchRequestItem]) -> dict[str, int]:
    """Sends and reads as a script does; the statuses."""
    content = BatchRequestContent({item.id: item for item in items})
    answered = await BatchRequestBuilder(session.adapter, ERRORS).post(content)
    return answered.get_response_status_codes()


def item(name: str, request: RequestInformation, *needed: str) -> BatchRequestItem:
    return BatchRequestItem(request, id=name, depends_on=list(needed))


async def parts_are_answered_one_by_one(session: Session) -> None:
    groups = session.profile.connector_groups
    group = await session.new_group("batched")
    made = ConnectorGroup(name=f"{session.name} made in a batch")
    named = Application(display_name=f"{session.name} made in a batch")
    statuses, bodies = await send(
        session,
        [
            item("read", session.group(group.id).to_get_request_information()),
            item("missing", session.group(NOBODY).to_get_request_information()),
            item("make", groups.to_post_request_information(made)),
            item("list", session.profile.connectors.to_get_request_information()),
            item("application", session.graph.applications.to_post_request_information(named)),
        ],
    )
    assert statuses == {"read": 200, "missing": 404, "make": 201, "list": 200, "application": 201}, statuses
    assert bodies["read"]["name"] == f"{session.name} batched", bodies
    error = bodies["missing"]["error"]
    assert error["code"] == "ConnectorGroup_NotFound" and NOBODY in error["message"], error
    assert is_guid(error["innerError"]["request-id"]), error
    assert [connector["machineName"] for connector in bodies["list"]["value"]] == ["sdk-machine"], bodies
    read = await session.group(bodies["make"]["id"]).get()
    assert read.name == f"{session.name} made in a batch", read
    application = session.application(bodies["application"]["id"])
    assert (await application.get()).display_name == f"{session.name} made in a batch"
    for made_group in (group, read):
        await session.group(made_group.id).delete()
    await application.delete()


async def parts_wait_for_those_they_depend_on(session: Session) -> None:
    machine = (await session.machine()).id
    group = await session.new_group("in order")
    members = session.group(group.id).members
    renamed = ConnectorGroup(name=f"{session.name} renamed in order")
    refers = ReferenceCreate(odata_id=session.connector_url(machine))
    statuses, bodies = await send(
        session,
        [
            item("rename", session.group(group.id).to_patch_request_information(renamed)),
            item("add", members.ref.to_post_request_information(refers), "rename"),
            item("members", members.to_get_request_information(), "add"),
            item("fails", session.group(NOBODY).to_delete_request_information()),
            item("waits", session.group(group.id).to_delete_request_information(), "fails"),
        ],
    )
    assert statuses == {"rename": 204, "add": 204, "members": 200, "fails": 404, "waits": 424}, statuses
    assert [connector["id"] for connector in bodies["members"]["value"]] == [machine], bodies
    assert bodies["waits"]["error"]["code"] == "FailedDependency", bodies
    assert (await session.group(group.id).get()).name == f"{session.name} renamed in order", "what waited was not done"
    await session.connector(machine).member_of.by_connector_group_id(group.id).ref.delete()
    await session.group(group.id).delete()


async def each_part_needs_its_own_permission(session: Session) -> None:
    reader = session.as_reader()
    groups = reader.profile.connector_groups
    forbidden = ConnectorGroup(name=f"{session.name} forbidden in a batch")
    statuses, bodies = await send(
        reader,
        [
            item("read", groups.to_get_request_information()),
            item("write", groups.to_post_request_information(forbidden)),
        ],
    )
    assert statuses == {"read": 200, "write": 403}, statuses
    assert bodies["write"]["error"]["code"] == "Authorization_RequestDenied", bodies
    nobody = session.with_token("nonsense")
    one = [item("read", groups.to_get_request_information())]
    await refused(send_by_the_builder(nobody, one), 401, "InvalidAuthenticationToken")


async def twenty_fit_into_one(session: Session) -> None:
    twenty = [item(f"{n}", session.profile.connectors.to_get_request_information()) for n in range(20)]
    statuses = await send_by_the_builder(session, twenty)
    assert statuses == {f"{n}": 200 for n in range(20)}, statuses
