"""Web application segments and their CORS configurations.

The SDK has the models but no builders for these paths, so the requests are made of its own parts: the models, the
request information, and the adapter, which serialises, authenticates and reads the answer.
"""

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph_beta.generated.models.cors_configuration_v2 import CorsConfiguration_v2
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_beta.generated.models.web_application_segment import WebApplicationSegment

from .client import Session, refused

ERRORS = {"XXX": ODataError}


async def tell(session: Session) -> None:
    application = await session.published("segmented")
    of_application = session.url(f"applications/{application.id}/onPremisesPublishing/segmentsConfiguration")
    segments = f"{of_application}/microsoft.graph.webSegmentConfiguration/applicationSegments"
    wanted = WebApplicationSegment(
        internal_url="http://part.internal.example/",
        external_url=f"https://{session.name.lower()}-part.apps.example/",
        alternate_url=f"https://{session.name.lower()}-alternate.example/",
    )
    segment = await send(session, Method.POST, segments, WebApplicationSegment, wanted)
    assert (segment.internal_url, segment.external_url) == (wanted.internal_url, wanted.external_url), segment
    one = f"{segments}/{segment.id}"
    read = await send(session, Method.GET, one, WebApplicationSegment)
    assert (read.id, read.alternate_url) == (segment.id, wanted.alternate_url), read

    await change(session, Method.PATCH, one, WebApplicationSegment(internal_url="http://moved.internal.example/"))
    read = await send(session, Method.GET, one, WebApplicationSegment)
    assert (read.internal_url, read.external_url) == ("http://moved.internal.example/", wanted.external_url), read
    await cross_origin_rules(session, f"{one}/corsConfigurations")

    await change(session, Method.DELETE, one)
    await refused(send(session, Method.GET, one, WebApplicationSegment), 404, "Request_ResourceNotFound", segment.id)
    await session.application(application.id).delete()


async def cross_origin_rules(session: Session, rules: str) -> None:
    wanted = CorsConfiguration_v2(
        resource="/",
        allowed_origins=["https://portal.example"],
        allowed_headers=["*"],
        allowed_methods=["GET", "POST"],
        max_age_in_seconds=600,
    )
    rule = await send(session, Method.POST, rules, CorsConfiguration_v2, wanted)
    assert (rule.resource, rule.allowed_methods, rule.max_age_in_seconds) == ("/", ["GET", "POST"], 600), rule
    one = f"{rules}/{rule.id}"
    await change(session, Method.PATCH, one, CorsConfiguration_v2(max_age_in_seconds=60, allowed_methods=["GET"]))
    read = await send(session, Method.GET, one, CorsConfiguration_v2)
    assert (read.max_age_in_seconds, read.allowed_methods) == (60, ["GET"]), read
    assert read.allowed_origins == ["https://portal.example"], "what was not named stays"
    await change(session, Method.DELETE, one)
    await refused(send(session, Method.GET, one, CorsConfiguration_v2), 404, "Request_ResourceNotFound", rule.id)


async def send(session: Session, method: Method, url: str, answered, body=None):
    return await session.adapter.send_async(request(session, method, url, body), answered, ERRORS)


async def change(session: Session, method: Method, url: str, body=None) -> None:
    await session.adapter.send_no_response_content_async(request(session, method, url, body), ERRORS)


def request(session: Session, method: Method, url: str, body) -> RequestInformation:
    information = RequestInformation()
    information.http_method = method
    information.url = url
    information.headers.try_add("Accept", "application/json")
    if body is not None:
        information.set_content_from_parsable(session.adapter, "application/json", body)
    return information
