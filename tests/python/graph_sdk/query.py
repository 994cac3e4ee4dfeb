"""Query options: filters, order, pages, search, counts, nested expansion, each with the values that must come back."""

from msgraph_core.tasks.page_iterator import PageIterator

from .client import Session, get, ids, names

EVENTUAL = {"ConsistencyLevel": "eventual"}
PAGED = 23


async def tell(session: Session) -> None:
    await filters_find_by_value(session)
    await pages_are_walked_in_order(session)
    await search_and_count(session)
    await expansion_is_nested(session)
    await applications_are_found_by_what_is_published(session)


async def filters_find_by_value(session: Session) -> None:
    groups = session.profile.connector_groups
    word = f"{session.name} O'Neil & Söhne + #1 % _"
    made = [await session.new_group(suffix) for suffix in ("O'Neil & Söhne + #1 % _", "alpha", "beta")]
    quoted = word.replace("'", "''")
    assert names((await get(groups, filter=f"name eq '{quoted}'")).value) == [word]
    assert ids((await get(groups, filter=f"contains(name,'O''Neil & S') and not isDefault")).value) == [made[0].id]
    assert ids((await get(groups, filter=f"startswith(name,'{session.name} ') and endswith(name,' % _')")).value) == [
        made[0].id
    ]
    wanted = f"name in ('{session.name} alpha','{session.name} beta')"
    assert names((await get(groups, filter=wanted, orderby=["name desc"])).value) == [
        f"{session.name} beta",
        f"{session.name} alpha",
    ]
    either = f"id eq '{made[1].id}' or (tolower(name) eq '{session.name} beta' and connectorGroupType ne null)"
    assert sorted(ids((await get(groups, filter=either)).value)) == sorted(ids(made[1:]))
    assert (await get(groups, filter=f"name gt '{session.name} z' and startswith(name,'{session.name}')")).value == []
    machines = session.profile.connectors
    sent_by_tools = "machineName eq 'sdk-machine' OR startswith(machineName,'sdk-machine')"
    assert names((await get(machines, filter=sent_by_tools)).value) == ["sdk-machine"]
    assert names((await get(machines, filter="status eq 'active'")).value) == ["sdk-machine"]
    assert names((await get(machines, filter="status eq 'inactive'")).value) == []
    for group in made:
        await session.group(group.id).delete()


async def pages_are_walked_in_order(session: Session) -> None:
    groups = session.profile.connector_groups
    made = [await session.new_group(f"page {number:02}") for number in range(PAGED)]
    prefix = f"startswith(name,'{session.name} page')"
    first = await get(groups, filter=prefix, orderby=["name desc"], select=["id", "name"], top=5, count=True)
    assert len(first.value) == 5 and first.odata_count == PAGED, first
    assert first.odata_next_link.startswith(f"{session.base}/"), first.odata_next_link
    found = []

    def take(group) -> bool:
        assert group.region is None and group.is_default is None, "the selection goes with the next link"
        found.append(group.name)
        return True

    await PageIterator(first, session.adapter).iterate(take)
    assert found == [f"{session.name} page {number:02}" for number in reversed(range(PAGED))], found

    rest = await get(groups, filter=prefix, orderby=["name"], skip=PAGED - 3)
    assert names(rest.value) == [f"{session.name} page {number:02}" for number in range(PAGED - 3, PAGED)]
    assert rest.odata_next_link is None, rest
    paused = []
    iterator = PageIterator(await get(groups, filter=prefix, orderby=["name"], top=4), session.adapter)
    await iterator.iterate(lambda group: paused.append(group.name) or len(paused) < 6)
    assert len(paused) == 6, paused
    await iterator.iterate(lambda group: paused.append(group.name) or True)
    assert paused == [f"{session.name} page {number:02}" for number in range(PAGED)], "taken up where it stopped"
    for group in made:
        await session.group(group.id).delete()


async def search_and_count(session: Session) -> None:
    groups = session.profile.connector_groups
    made = [await session.new_group(suffix) for suffix in ("Werk Süd", "Werk Nord")]
    found = await get(groups, EVENTUAL, search='"name:Süd"', count=True)
    assert names(found.value) == [f"{session.name} Werk Süd"] and found.odata_count == 1, found
    counted = await get(groups, EVENTUAL, filter=f"startswith(name,'{session.name} Werk')", count=True, top=1)
    assert len(counted.value) == 1 and counted.odata_count == 2, counted
    assert await get(groups.count, filter=f"startswith(name,'{session.name} Werk')") == 2
    assert await get(groups.count, EVENTUAL, search='"name:Nord"') == 1
    for group in made:
        await session.group(group.id).delete()


async def expansion_is_nested(session: Session) -> None:
    machine = (await session.machine()).id
    group = await session.new_group("expanded")
    await session.move(machine, group.id)
    application = await session.published("expanded")
    await session.assign(application.id, group.id)
    one = f"id eq '{group.id}'"

    plain = (await get(session.profile.connector_groups, filter=one, expand=["members", "applications"])).value[0]
    assert names(plain.members) == ["sdk-machine"], plain
    assert ids(plain.applications) == [application.id], plain
    nested = await get(
        session.profile.connector_groups,
        filter=one,
        expand=["members($select=id,machineName;$expand=memberOf($select=name))", "applications($filter=id ne null)"],
    )
    (member,) = nested.value[0].members
    assert (member.machine_name, member.status) == ("sdk-machine", None), member
    assert names(member.member_of) == [f"{session.name} expanded"], member
    assert [found.display_name for found in nested.value[0].applications] == [f"{session.name} expanded"], nested
    filtered = await get(session.group(group.id), expand=["members($filter=machineName eq 'another')"])
    assert filtered.members == [], filtered
    outward = await get(session.connector(machine), expand=["memberOf($expand=applications($select=id))"])
    assert ids(outward.member_of[0].applications) == [application.id], outward
    with_group = await get(session.application(application.id), select=["id"], expand=["connectorGroup"])
    assert with_group.connector_group.name == f"{session.name} expanded", with_group

    await session.application(application.id).delete()
    await session.connector(machine).member_of.by_connector_group_id(group.id).ref.delete()
    await session.group(group.id).delete()


async def applications_are_found_by_what_is_published(session: Session) -> None:
    applications = session.graph.applications
    made = [await session.published(f"found {word}") for word in ("Käse", "Brot", "Wein")]
    assert ids((await get(applications, filter=f"displayName eq '{session.name} found Käse'")).value) == [made[0].id]
    url = session.external_url("found Brot")
    by_url = await get(applications, filter=f"onPremisesPublishing/externalUrl eq '{url}'", select=["id"])
    assert ids(by_url.value) == [made[1].id], by_url
    by_tag = "tags/any(t:t eq 'WindowsAzureActiveDirectoryOnPremApp')"
    tagged = await get(applications, filter=f"{by_tag} and startswith(displayName,'{session.name} found')", count=True)
    assert tagged.odata_count == 3, tagged
    ordered = await get(
        applications, filter=f"startswith(displayName,'{session.name} found')", orderby=["createdDateTime desc"], top=2
    )
    assert ids(ordered.value) == [made[2].id, made[1].id], ordered
    with_app_id = await session.graph.applications_with_app_id(made[2].app_id).get()
    assert with_app_id.id == made[2].id, with_app_id
    for application in made:
        await session.application(application.id).delete()
