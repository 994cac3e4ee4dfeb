"""Connectors and connector groups: every builder of both, the moves, the references in all their spellings."""

from msgraph_beta.generated.models.connector_group import ConnectorGroup
from msgraph_beta.generated.models.connector_group_region import ConnectorGroupRegion
from msgraph_beta.generated.models.connector_group_type import ConnectorGroupType
from msgraph_beta.generated.models.connector_status import ConnectorStatus
from msgraph_beta.generated.models.reference_create import ReferenceCreate

from .client import Session, get, ids, names, refused, with_query


async def tell(session: Session) -> None:
    await groups_are_made_changed_and_deleted(session)
    await connectors_are_read(session)
    await a_connector_moves_and_leaves(session)
    await a_group_in_use_stays(session)


async def groups_are_made_changed_and_deleted(session: Session) -> None:
    groups = session.profile.connector_groups
    before = await groups.count.get()
    made = await groups.post(
        ConnectorGroup(name=f"{session.name} Nürnberg", region=ConnectorGroupRegion.Eur, is_default=True)
    )
    assert made.name == f"{session.name} Nürnberg", made
    assert made.region == ConnectorGroupRegion.Eur, made
    assert made.is_default is False, "what the system sets is accepted and ignored"
    assert made.connector_group_type == ConnectorGroupType.ApplicationProxy, made
    assert await groups.count.get() == before + 1

    builder = session.group(made.id)
    await builder.patch(ConnectorGroup(name=f"{session.name} Fürth", region=ConnectorGroupRegion.Nam))
    read = await builder.get()
    assert (read.name, read.region) == (f"{session.name} Fürth", ConnectorGroupRegion.Nam), read
    selected = await get(builder, select=["id", "region"])
    assert (selected.id, selected.name, selected.region) == (made.id, None, ConnectorGroupRegion.Nam), selected
    listed = {group.id: group for group in (await groups.get()).value}
    assert listed[made.id].name == f"{session.name} Fürth", listed
    assert [group.name for group in listed.values() if group.is_default] == ["Default"], listed

    await builder.delete()
    await refused(builder.get(), 404, "ConnectorGroup_NotFound", made.id)
    assert await groups.count.get() == before


async def connectors_are_read(session: Session) -> None:
    connectors = session.profile.connectors
    machine = await session.machine()
    assert await connectors.count.get() == 1
    one = await session.connector(machine.id).get()
    assert (one.id, one.machine_name, one.status) == (machine.id, "sdk-machine", ConnectorStatus.Active), one
    selected = await get(session.connector(machine.id), select=["id", "machineName"])
    assert (selected.machine_name, selected.external_ip, selected.status) == ("sdk-machine", None, None), selected


async def a_connector_moves_and_leaves(session: Session) -> None:
    machine = (await session.machine()).id
    first, second = await session.new_group("first"), await session.new_group("second")
    membership = session.connector(machine).member_of

    await session.move(machine, first.id)
    await session.move(machine, first.id)
    assert await group_of(session, machine) == first.id, "adding a member again changes nothing"
    assert await membership.count.get() == 1
    assert await session.group(first.id).members.count.get() == 1
    assert await membership.ref.get() is not None
    assert await session.group(first.id).members.ref.get() is not None

    await membership.ref.post(ReferenceCreate(odata_id=session.group_url(second.id)))
    assert await group_of(session, machine) == second.id, "the form of memberOf moves too"
    assert ids((await session.group(first.id).members.get()).value) == []
    read = (await session.group(second.id).members.get()).value
    assert names(read) == ["sdk-machine"], read
    nested = await session.group(second.id).members.by_connector_id(machine).ref.delete()
    assert nested is None
    assert await is_in_default(session, machine), "removed by the member's own path"

    await session.move(machine, second.id)
    members = session.group(second.id).members.ref
    await members.delete(by_reference(members, session.connector_url(machine)))
    assert await is_in_default(session, machine), "removed by ?@id= with the reference"

    await session.move(machine, second.id)
    await membership.by_connector_group_id(second.id).ref.delete()
    assert await is_in_default(session, machine), "left by the group's own path"

    await session.move(machine, first.id)
    await membership.ref.delete(by_reference(membership.ref, session.group_url(first.id)))
    assert await is_in_default(session, machine), "left by ?@id= with the reference"
    for group in (first, second):
        await session.group(group.id).delete()


async def a_group_in_use_stays(session: Session) -> None:
    machine = (await session.machine()).id
    group = await session.new_group("in use")
    await session.move(machine, group.id)
    await refused(session.group(group.id).delete(), 400, "Request_BadRequest", "sdk-machine")
    assert (await session.group(group.id).get()).name == f"{session.name} in use"
    assert await group_of(session, machine) == group.id
    await session.move(machine, (await default_group(session)).id)
    await session.group(group.id).delete()


def by_reference(builder, url: str):
    """DELETE of a collection of references names its target in the query."""
    parameters = type(builder).RefRequestBuilderDeleteQueryParameters(id=url)
    configuration = with_query(builder)
    configuration.query_parameters = parameters
    return configuration


async def group_of(session: Session, connector: str) -> str:
    groups = (await session.connector(connector).member_of.get()).value
    assert len(groups) == 1, groups
    return groups[0].id


async def default_group(session: Session) -> ConnectorGroup:
    found = (await get(session.profile.connector_groups, filter="isDefault eq true")).value
    assert names(found) == ["Default"], found
    return found[0]


async def is_in_default(session: Session, connector: str) -> bool:
    return await group_of(session, connector) == (await default_group(session)).id
