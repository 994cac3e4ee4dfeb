"""A common web application: Flask, served by gunicorn. What it answers depends on the request alone."""

import hashlib
import io
import threading

from flask import Flask, Response, jsonify, make_response, redirect, request, send_file, session, url_for

application = Flask(__name__)
application.secret_key = "of the tests"
FILE = bytes(index % 251 for index in range(1_000_000))
# What a client cannot know: where the request came from, and what belongs to one hop.
OF_THE_HOP = ("host", "connection", "expect", "te", "transfer-encoding", "content-length", "content-type")
# What the gateway adds, besides X-Forwarded-*.
ADDED = ("x-request-id", "traceparent", "tracestate")
go_on = threading.Event()
left = []


def told() -> dict:
    headers = {name.lower(): value for name, value in request.headers if not name.lower().startswith("x-forwarded-")}
    return {
        "method": request.method,
        "url": request.full_path,
        "headers": {name: value for name, value in headers.items() if name not in OF_THE_HOP + ADDED},
        "form": request.form.to_dict(flat=False),
        "files": {name: hashlib.sha256(file.read()).hexdigest() for name, file in request.files.items()},
        "body": hashlib.sha256(request.get_data()).hexdigest(),
    }


@application.route("/")
def greet():
    return "<h1>A common application</h1>"


@application.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def echo():
    return jsonify(told())


@application.route("/path/<path:rest>")
def path(rest):
    return request.environ["RAW_URI"]


@application.route("/file")
def file():
    return send_file(io.BytesIO(FILE), mimetype="image/png", etag="one", last_modified=1_700_000_000)


@application.route("/upload", methods=["PUT", "POST"])
def upload():
    received = hashlib.sha256()
    while part := request.stream.read(65536):
        received.update(part)
    return received.hexdigest()


@application.route("/sign-in", methods=["GET", "POST"])
def sign_in():
    if request.method == "POST":
        session["user"] = request.form["user"]
        return redirect(url_for("me"), code=303)
    return "<form method=post><input name=user></form>"


@application.route("/me")
def me():
    return session.get("user", "nobody")


@application.route("/elsewhere")
def elsewhere():
    return Response(status=302, headers={"Location": url_for("me", _external=True)})


@application.route("/cookies")
def cookies():
    answer = make_response("three")
    answer.set_cookie("plain", "1", httponly=True, samesite="Lax")
    answer.set_cookie("quoted", "a b;c=d", path="/me")
    answer.set_cookie("secure", "3", secure=True, max_age=60)
    return answer


@application.route("/large-head/<int:size>")
def large_head(size):
    return Response("large", headers={"X-Large": "v" * size})


@application.route("/status/<int:code>")
def status(code):
    return ("" if code in (204, 304) else "with a body"), code


@application.route("/cut-short")
def cut_short():
    return Response(iter([b"less"]), headers={"Content-Length": "1000"})


@application.route("/events")
def events():
    def parts():
        yield "data: first\n\n"
        # Whoever keeps the first event back waits here in vain.
        yield f"data: {'second' if go_on.wait(60) else 'nobody saw the first'}\n\n"

    return Response(parts(), mimetype="text/event-stream")


@application.route("/go-on", methods=["POST"])
def let_go_on():
    go_on.set()
    return "going on"


@application.route("/endless")
def endless():
    def parts():
        try:
            while True:
                yield b"x" * 65536
        finally:
            left.append(request)

    return Response(parts())


@application.route("/left")
def how_many_left():
    return str(len(left))


@application.route("/connection", methods=["POST"])
def connection():
    return request.environ["REMOTE_PORT"]
