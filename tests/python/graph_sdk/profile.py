"""The publishing profile and its updater configuration: read, changed, read back, and put back as it was."""

import datetime

from msgraph_beta.generated.models.hybrid_agent_updater_configuration import HybridAgentUpdaterConfiguration
from msgraph_beta.generated.models.on_premises_publishing_profile import OnPremisesPublishingProfile
from msgraph_beta.generated.models.update_window import UpdateWindow

from .client import Session, get, names


async def tell(session: Session) -> None:
    listed = (await session.graph.on_premises_publishing_profiles.get()).value
    assert "applicationProxy" in [profile.id for profile in listed], listed
    before = await session.profile.get()
    assert before.id == "applicationProxy" and before.is_enabled is True, before

    other = not before.is_default_access_enabled
    await session.profile.patch(OnPremisesPublishingProfile(is_default_access_enabled=other))
    changed = await session.profile.get()
    assert changed.is_default_access_enabled is other, changed
    assert changed.is_enabled is True, "what was not named stays"
    await session.profile.patch(OnPremisesPublishingProfile(is_default_access_enabled=before.is_default_access_enabled))

    updater = HybridAgentUpdaterConfiguration(
        allow_update_configuration_override=True,
        defer_update_date_time=datetime.datetime(2030, 8, 12, 12, 30, tzinfo=datetime.timezone.utc),
        update_window=UpdateWindow(
            update_window_start_time=datetime.time(22, 0), update_window_end_time=datetime.time(4, 30)
        ),
    )
    await session.profile.patch(OnPremisesPublishingProfile(hybrid_agent_updater_configuration=updater))
    read = (await session.profile.get()).hybrid_agent_updater_configuration
    assert read.allow_update_configuration_override is True, read
    assert read.defer_update_date_time == updater.defer_update_date_time, read
    window = (read.update_window.update_window_start_time, read.update_window.update_window_end_time)
    assert window == (datetime.time(22, 0), datetime.time(4, 30)), window

    with_parts = await get(session.profile, expand=["connectors", "connectorGroups($filter=isDefault eq true)"])
    assert names(with_parts.connectors) == ["sdk-machine"], with_parts
    assert names(with_parts.connector_groups) == ["Default"], with_parts
