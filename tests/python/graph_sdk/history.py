"""What happened: deleted applications and their restoration, changes since a delta link, the audit log."""

from msgraph_beta.generated.models.application import Application

from .client import Session, get, ids, refused


async def tell(session: Session) -> None:
    await a_deleted_application_is_restored(session)
    await changes_are_followed(session)
    await audits_say_who_did_what(session)


async def a_deleted_application_is_restored(session: Session) -> None:
    deleted_items = session.graph.directory.deleted_items
    application = await session.published("deleted")
    before = await deleted_items.graph_application.count.get()
    await session.application(application.id).delete()
    assert await deleted_items.graph_application.count.get() == before + 1
    mine = f"displayName eq '{session.name} deleted'"
    (listed,) = (await get(deleted_items.graph_application, filter=mine)).value
    assert listed.id == application.id and listed.deleted_date_time is not None, listed
    one = deleted_items.by_directory_object_id(application.id)
    assert (await one.get()).deleted_date_time is not None

    restored = await one.restore.post()
    assert restored.id == application.id, restored
    read = await get(session.application(application.id), select=["id", "deletedDateTime", "onPremisesPublishing"])
    assert read.deleted_date_time is None, read
    assert read.on_premises_publishing.external_url == session.external_url("deleted"), "published as it was"
    await refused(one.get(), 404, "Request_ResourceNotFound", application.id)

    await session.application(application.id).delete()
    await one.delete()
    await refused(one.get(), 404, "Request_ResourceNotFound", application.id)
    await refused(one.restore.post(), 404, "Request_ResourceNotFound", application.id)


async def changes_are_followed(session: Session) -> None:
    delta = session.graph.applications.delta
    kept, gone = [await session.new_application(suffix) for suffix in ("kept", "gone")]
    seen, link = await follow(delta, delta)
    assert {kept.id, gone.id} <= set(ids(seen)), seen
    nothing, link = await follow(delta, delta.with_url(link))
    assert nothing == [], nothing

    await session.application(kept.id).patch(Application(display_name=f"{session.name} kept and renamed"))
    await session.application(gone.id).delete()
    changed, link = await follow(delta, delta.with_url(link))
    by_id = {application.id: application for application in changed}
    assert set(by_id) == {kept.id, gone.id}, changed
    assert by_id[kept.id].display_name == f"{session.name} kept and renamed", changed
    assert "@removed" in by_id[gone.id].additional_data, by_id[gone.id].additional_data
    await session.application(kept.id).delete()


async def follow(delta, start):
    """Every change from `start` on, and the link that asks for later ones."""
    changes = []
    page = await start.get()
    while page.odata_next_link:
        changes.extend(page.value)
        page = await delta.with_url(page.odata_next_link).get()
    assert page.odata_delta_link, page
    return changes + page.value, page.odata_delta_link


async def audits_say_who_did_what(session: Session) -> None:
    audits = session.graph.audit_logs.directory_audits
    group = await session.new_group("audited")
    await session.group(group.id).delete()
    activities = "activityDisplayName eq 'Delete Connector Group' and loggedByService eq 'Application Proxy'"
    page = await get(audits, filter=activities, orderby=["activityDateTime desc"], top=5)
    mine = [audit for audit in page.value if audit.target_resources[0].id == group.id]
    assert len(mine) == 1, page
    (audit,) = mine
    assert (audit.category, audit.operation_type, audit.result) == ("ResourceManagement", "Delete", "success"), audit
    assert audit.target_resources[0].display_name == f"{session.name} audited", audit
    assert audit.initiated_by.user or audit.initiated_by.app, audit
    one = await audits.by_directory_audit_id(audit.id).get()
    assert one.activity_date_time == audit.activity_date_time, one
    assert await get(audits.count, filter=activities) >= 1
    times = [found.activity_date_time for found in (await get(audits, top=50)).value]
    assert times == sorted(times, reverse=True), "newest first"
