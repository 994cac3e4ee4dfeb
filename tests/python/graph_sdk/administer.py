"""The story of the README: a group, a connector moved into it, an application published through it."""

from msgraph_beta.generated.models.connector_status import ConnectorStatus

from .client import Session, ids


async def tell(session: Session) -> None:
    connector = await session.machine()
    assert connector.status == ConnectorStatus.Active, connector
    assert connector.external_ip == "127.0.0.1", connector
    assert connector.version, connector

    group = await session.new_group("group")
    assert group.is_default is False, group
    await session.move(connector.id, group.id)
    assert ids((await session.group(group.id).members.get()).value) == [connector.id]

    application = await session.published("application")
    await session.assign(application.id, group.id)
    assigned = await session.application(application.id).connector_group.get()
    assert (assigned.id, assigned.name) == (group.id, f"{session.name} group"), assigned
    assert ids((await session.connector(connector.id).member_of.get()).value) == [group.id]
    assert ids((await session.group(group.id).applications.get()).value) == [application.id]
