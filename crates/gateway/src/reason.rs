//! Why the gateway answered a request itself: one stable word each, in headers, pages, records and metrics.
//!
//! Everything that is said about a reason anywhere stands here: its status, the sentence for the person in front of the
//! browser, and what an administrator has to know and do. `docs/reasons.md` is compared with it.

use http::StatusCode;

/// Why the gateway did not pass on an upstream's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request cannot be understood in one way only.
    BadRequest,
    /// CONNECT or TRACE.
    MethodNotAllowed,
    /// Neither HTTP/1.1 nor HTTP/1.0, on a connection for them.
    VersionNotSupported,
    /// The path and query are longer than the limit.
    TargetTooLong,
    /// The head, or the cookies in it, are larger than the limit.
    HeadTooLarge,
    /// The request did not come in time.
    RequestTimeout,
    /// The TLS name and the host differ.
    Misdirected,
    /// A page of another site opens a WebSocket, and that is not allowed.
    ForeignOrigin,
    /// It signs in the connection (NTLM, Negotiate), which takes HTTP/1.1: the HTTP/2 stream is reset with that reason.
    Http1Required,
    /// Nothing is published there.
    NotPublished,
    /// Sign-in is required, and no provider is configured.
    SignInUnavailable,
    /// Sign-in is required.
    SignInRequired,
    /// A sign-in came to nothing.
    SignInFailed,
    /// The provider at which users sign in does not answer as it should.
    ProviderUnavailable,
    /// The application takes no sign-ins.
    SignInDisabled,
    /// Who signed in may not use the application.
    NotAssigned,
    /// Who signed in is disabled in the directory.
    UserDisabled,
    /// The application is closed for maintenance.
    Maintenance,
    /// No connector of the group has a live tunnel.
    NoConnector,
    /// Too many requests are under way through the connectors of the group.
    ConnectorBusy,
    /// Nothing accepts connections at the internal URL.
    UpstreamRefused,
    /// The internal URL's name is unknown beside the connector.
    UpstreamNameNotResolved,
    /// The connector's rules forbid the target.
    UpstreamNotAllowed,
    /// TLS to the upstream failed.
    UpstreamTlsFailed,
    /// The upstream did not accept the connection in time.
    UpstreamConnectTimeout,
    /// The upstream accepted, but did not answer in time.
    UpstreamTimeout,
    /// The upstream closed the connection instead of answering.
    UpstreamClosed,
    /// The upstream's answer is not valid HTTP.
    UpstreamInvalid,
    /// The tunnel broke while the request was under way.
    TunnelLost,
    /// Several tunnels broke, one after the other, while requests like this one were under way.
    RepeatedLoss,
    /// The client's body broke off or was not valid.
    BodyBroken,
}

impl Reason {
    /// Every reason, in the order of its declaration: `reason as usize` is its place here.
    pub const ALL: [Self; 31] = [
        Self::BadRequest,
        Self::MethodNotAllowed,
        Self::VersionNotSupported,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::RequestTimeout,
        Self::Misdirected,
        Self::ForeignOrigin,
        Self::Http1Required,
        Self::NotPublished,
        Self::SignInUnavailable,
        Self::SignInRequired,
        Self::SignInFailed,
        Self::ProviderUnavailable,
        Self::SignInDisabled,
        Self::NotAssigned,
        Self::UserDisabled,
        Self::Maintenance,
        Self::NoConnector,
        Self::ConnectorBusy,
        Self::UpstreamRefused,
        Self::UpstreamNameNotResolved,
        Self::UpstreamNotAllowed,
        Self::UpstreamTlsFailed,
        Self::UpstreamConnectTimeout,
        Self::UpstreamTimeout,
        Self::UpstreamClosed,
        Self::UpstreamInvalid,
        Self::TunnelLost,
        Self::RepeatedLoss,
        Self::BodyBroken,
    ];

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::VersionNotSupported => "version_not_supported",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::Misdirected => "misdirected",
            Self::ForeignOrigin => "foreign_origin",
            Self::Http1Required => "http1_required",
            Self::NotPublished => "not_published",
            Self::SignInUnavailable => "sign_in_unavailable",
            Self::SignInRequired => "sign_in_required",
            Self::SignInFailed => "sign_in_failed",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::SignInDisabled => "sign_in_disabled",
            Self::NotAssigned => "not_assigned",
            Self::UserDisabled => "user_disabled",
            Self::Maintenance => "maintenance",
            Self::NoConnector => "no_connector",
            Self::ConnectorBusy => "connector_busy",
            Self::UpstreamRefused => "upstream_refused",
            Self::UpstreamNameNotResolved => "upstream_name_not_resolved",
            Self::UpstreamNotAllowed => "upstream_not_allowed",
            Self::UpstreamTlsFailed => "upstream_tls_failed",
            Self::UpstreamConnectTimeout => "upstream_connect_timeout",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamClosed => "upstream_closed",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::TunnelLost => "tunnel_lost",
            Self::RepeatedLoss => "repeated_loss",
            Self::BodyBroken => "body_broken",
        }
    }

    /// The status: whose fault it is decides between 4xx, 502, 503 and 504.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::VersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin | Self::SignInDisabled | Self::NotAssigned | Self::UserDisabled => {
                StatusCode::FORBIDDEN
            }
            Self::SignInRequired => StatusCode::UNAUTHORIZED,
            Self::SignInFailed => StatusCode::BAD_REQUEST,
            // Never sent: browsers know the reset and come back over HTTP/1.1.
            Self::Http1Required => StatusCode::UPGRADE_REQUIRED,
            Self::NotPublished => StatusCode::NOT_FOUND,
            Self::SignInUnavailable
            | Self::ProviderUnavailable
            | Self::Maintenance
            | Self::NoConnector
            | Self::ConnectorBusy => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamConnectTimeout | Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// One sentence for the person in front of the browser: nothing in it is particular to an installation.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::BadRequest => "The request could not be understood.",
            Self::MethodNotAllowed => "This method is not allowed here.",
            Self::VersionNotSupported => "This version of HTTP is not spoken here.",
            Self::TargetTooLong => "The address is too long.",
            Self::HeadTooLarge => "The request's head or its cookies are too large.",
            Self::RequestTimeout => "The request did not arrive in time.",
            Self::Misdirected => "The request was sent over a connection for another name. Please reload.",
            Self::ForeignOrigin => "Pages of other sites may not connect here.",
            Self::Http1Required => "This sign-in works over HTTP/1.1 only.",
            Self::NotPublished => "No application is published at this address.",
            Self::SignInUnavailable => "This application requires sign-in, which is not set up here.",
            Self::SignInRequired => "Please sign in.",
            Self::SignInFailed => "The sign-in was not completed. Please open the application again.",
            Self::ProviderUnavailable => "The sign-in service cannot be reached. Please try again.",
            Self::SignInDisabled => "This application takes no sign-ins at the moment.",
            Self::NotAssigned => "You are not allowed to use this application.",
            Self::UserDisabled => "Your account is disabled.",
            Self::Maintenance => "This application is closed for maintenance.",
            Self::NoConnector => "No connector of this application's group is connected.",
            Self::ConnectorBusy => "Too many requests are under way. Please try again.",
            Self::UpstreamRefused => "The application does not accept connections.",
            Self::UpstreamNameNotResolved => "The application's internal name could not be resolved.",
            Self::UpstreamNotAllowed => "The connector is not allowed to reach the application.",
            Self::UpstreamTlsFailed => "A secure connection to the application could not be made.",
            Self::UpstreamConnectTimeout => "The application did not accept the connection in time.",
            Self::UpstreamTimeout => "The application did not answer in time.",
            Self::UpstreamClosed => "The application closed the connection without an answer.",
            Self::UpstreamInvalid => "The application's answer could not be understood.",
            Self::TunnelLost => "The connection to the application's network was lost.",
            Self::RepeatedLoss => "Connections to the application's network were lost again and again by this request.",
            Self::BodyBroken => "The request's body was not received completely.",
        }
    }

    /// What it means, for an administrator.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::BadRequest => {
                "Two servers could read the request in two ways: the host is missing, doubled or no name, or \
                 the path has dot segments, backslashes, NUL or broken escapes, encoded or not."
            }
            Self::MethodNotAllowed => "CONNECT and TRACE are never forwarded.",
            Self::VersionNotSupported => "The request line names neither HTTP/1.1 nor HTTP/1.0.",
            Self::TargetTooLong => "The path and query are longer than the gateway takes.",
            Self::HeadTooLarge => "The request's fields, or the cookies among them, are larger than the gateway takes.",
            Self::RequestTimeout => {
                "The request's head or body came too slowly: a network that is nearly gone, or somebody who holds \
                 connections open on purpose."
            }
            Self::Misdirected => {
                "The request names another host than the one that TLS was opened for, so the wrong \
                 certificate was checked."
            }
            Self::ForeignOrigin => {
                "A page of another site opened a WebSocket, and the gateway lets only pages of the application's own do that."
            }
            Self::Http1Required => {
                "The request signs in its connection (`NTLM`, `Negotiate`) and came over HTTP/2, where many \
                 requests share one. Its stream is reset with `HTTP_1_1_REQUIRED`; no status is sent."
            }
            Self::NotPublished => {
                "No application is published at this host, or none whose path prefix covers this path."
            }
            Self::SignInUnavailable => {
                "The application demands sign-in (`aadPreAuthentication`), and no provider is configured. It stays closed \
                 rather than open by accident."
            }
            Self::SignInRequired => {
                "The request has no session of the application and no access token for it, or one that does not count any \
                 more. Where a browser opens a page the status is 302, and it is sent to the sign-in host; scripts, \
                 programs and WebSockets get 401 with JSON."
            }
            Self::SignInFailed => {
                "The answer of the provider, or the way back to the application, is not that of this browser, was used \
                 before, or came too late; or the provider said no."
            }
            Self::ProviderUnavailable => {
                "The provider at which users sign in could not be reached, or its answer is not what OpenID Connect says. \
                 Who is signed in stays so."
            }
            Self::SignInDisabled => {
                "The application has no service principal, or one of the two is disabled (`isDisabled`, `accountEnabled`): \
                 nobody may sign in."
            }
            Self::NotAssigned => {
                "Only those who are assigned may use the application (`appRoleAssignmentRequired`), and this user is not: \
                 neither directly nor through one of the groups that the provider names."
            }
            Self::UserDisabled => "The user is disabled in the directory (`accountEnabled`), and is admitted nowhere.",
            Self::Maintenance => {
                "The application is in maintenance mode: none of its requests is forwarded. The page shows the text that \
                 was given for it."
            }
            Self::NoConnector => {
                "No connector of the application's group has a live tunnel: none was registered, all are \
                 stopped, or their network to the gateway is down."
            }
            Self::ConnectorBusy => "Every connector that was looked at has as many requests under way as it may have.",
            Self::UpstreamRefused => {
                "The connector reached the machine of the internal URL, and nothing accepts connections on \
                 that port; or no route leads there."
            }
            Self::UpstreamNameNotResolved => "The name in the internal URL is unknown to the connector's resolver.",
            Self::UpstreamNotAllowed => {
                "The connector may not dial the target: it is not in its `--allow` list, or is a link-local, \
                 metadata, multicast or unspecified address, which never is allowed, or the control plane has not \
                 signed it for the connector's group."
            }
            Self::UpstreamTlsFailed => {
                "TLS between connector and upstream failed: most often a certificate that the connector's \
                 machine does not trust, that has expired, or that is for another name."
            }
            Self::UpstreamConnectTimeout => {
                "Nothing answered the connector's attempt to connect in time: a firewall that drops packets, \
                 or a machine that is down."
            }
            Self::UpstreamTimeout => {
                "The upstream accepted the connection and the request, and did not begin to answer within the \
                 application's timeout; or a page that has to be whole before its links are translated did not come \
                 within the application's times."
            }
            Self::UpstreamClosed => {
                "The upstream closed the connection instead of answering, and the request could not be sent \
                 again safely, or was, in vain."
            }
            Self::UpstreamInvalid => "What the upstream sent is not valid HTTP, or could be read in two ways.",
            Self::TunnelLost => {
                "The connection between gateway and connector broke while the request was under way, and \
                 sending it again was not safe."
            }
            Self::RepeatedLoss => {
                "Three or more tunnels broke within a minute, each with a request for the same path under way that was never \
                 answered. So that it does not go through the whole group, it is not sent again."
            }
            Self::BodyBroken => "The client's body broke off or was not valid HTTP.",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::BadRequest => {
                "Correct the client. The record's `detail` says which rule it broke; nothing was forwarded."
            }
            Self::MethodNotAllowed => "Use another method; the answer's `Allow` lists them.",
            Self::VersionNotSupported => "Correct the client.",
            Self::TargetTooLong => "Have the application send long parameters in a body.",
            Self::HeadTooLarge => {
                "Clear the site's cookies; have the application set fewer. The record's `detail` says what was too large."
            }
            Self::RequestTimeout => {
                "Nothing for a browser. For slow links, see the client limits of the configuration."
            }
            Self::Misdirected => {
                "Nothing for a browser: it opens a new connection by itself. A client that sets `Host` by \
                 hand has to open TLS for the same name."
            }
            Self::ForeignOrigin => {
                "Nothing, if the other site is not yours; else see the client limits of the configuration."
            }
            Self::Http1Required => {
                "Nothing for a browser: from its first challenge on the host is offered over HTTP/1.1 alone. Have \
                 another client offer only `http/1.1` in TLS."
            }
            Self::NotPublished => {
                "Compare the address with the application's external URL; `adit explain URL` says what is \
                 published there."
            }
            Self::SignInUnavailable => {
                "Configure a provider (`[sign_in]`), or publish it with `passthru` if it has a sign-in of its own."
            }
            Self::SignInRequired => {
                "Nothing for a browser. A program sends `Authorization: Bearer` with an access token whose audience is the \
                 application's `appId` or one of its `identifierUris`."
            }
            Self::SignInFailed => {
                "Open the application again. If it happens each time, the record's `detail` says at which step; browsers \
                 that take no cookies cannot sign in."
            }
            Self::ProviderUnavailable => {
                "The record's `detail` says what failed. Check the provider, and `issuer`, `client_id`, the client's secret \
                 and `ca` in `[sign_in]`."
            }
            Self::SignInDisabled => "Enable the application and its service principal.",
            Self::NotAssigned => {
                "Assign the user or one of the user's groups (`appRoleAssignedTo`). A user of very many groups may have one \
                 that had no room: the page says so; assign the user directly then."
            }
            Self::UserDisabled => "Enable the user, if that was not meant.",
            Self::Maintenance => "Nothing, or end the maintenance in the application's publishing.",
            Self::NoConnector => {
                "`adit connectors list` shows which are active; start one in the group, or assign the \
                 application to a group that has one."
            }
            Self::ConnectorBusy => {
                "Add a connector to the group. If the upstream is slow, that is the cause: requests that wait \
                 take the room."
            }
            Self::UpstreamRefused => {
                "Start the application; check the internal URL's host and port from the connector's machine."
            }
            Self::UpstreamNameNotResolved => "Check the spelling and resolve the name on the connector's machine.",
            Self::UpstreamNotAllowed => {
                "The connector's log says why. Add the target to its `--allow` list, or correct the internal URL; where a \
                 signature has ended, set the clock of the connector's machine right."
            }
            Self::UpstreamTlsFailed => {
                "The record's `detail` names the fault. Install the internal CA on the connector's machine, \
                 or switch the check off for this application."
            }
            Self::UpstreamConnectTimeout => {
                "Check the route and the firewall between the connector and the internal URL."
            }
            Self::UpstreamTimeout => {
                "Look at the upstream's load and log; the request id is in its `X-Request-Id`. Use the `long` \
                 timeout for an application that is slow by nature."
            }
            Self::UpstreamClosed => "Look at the upstream's log for a crash or a limit at that time.",
            Self::UpstreamInvalid => {
                "Check that the internal URL's scheme and port are those of an HTTP server; `http` to a TLS \
                 port looks like this."
            }
            Self::TunnelLost => {
                "Look at the connector's log and its network. Repeat the request if it is harmless to do so \
                 twice."
            }
            Self::RepeatedLoss => {
                "Look at the logs of the connectors: most likely this request, or its answer, ends them. The record has \
                 the path, and the connector that was lost last."
            }
            Self::BodyBroken => "Nothing here: the client left, or its network did.",
        }
    }

    /// Whether an answer with a status is made; the only other end is the reset of an HTTP/2 stream.
    pub(crate) const fn is_answered(self) -> bool {
        !matches!(self, Self::Http1Required)
    }

    /// After how many seconds asking again may help, where waiting is what helps.
    #[must_use]
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::NoConnector | Self::ConnectorBusy | Self::TunnelLost => Some(2),
            Self::ProviderUnavailable => Some(5),
            // It was begun by hand and ends by hand; a client that asks once a minute does no harm.
            Self::Maintenance => Some(60),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_whose_fault_it_is() {
        assert_eq!(Reason::NoConnector.status(), 503);
        assert_eq!(Reason::SignInUnavailable.status(), 503);
        assert_eq!(Reason::UpstreamRefused.status(), 502);
        assert_eq!(Reason::UpstreamTimeout.status(), 504);
        assert_eq!(Reason::NotPublished.status(), 404);
    }

    #[test]
    fn every_reason_is_listed_in_its_place_and_has_a_word_of_its_own() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{reason:?}");
            assert_eq!(Reason::ALL.iter().filter(|other| other.as_str() == reason.as_str()).count(), 1);
        }
    }

    #[test]
    fn the_page_of_reasons_says_what_the_code_does() {
        const START: &str = "<!-- Generated: UPDATE_REFERENCE=1 cargo test -p adit-gateway reasons -->\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reasons.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, _) = page.split_once(START).expect("the page has a generated part");
        let mut wanted = format!("{before}{START}");
        for reason in Reason::ALL {
            let (word, status) = (reason.as_str(), reason.status());
            let retry = reason.retry_after().map(|seconds| format!(", `Retry-After: {seconds}`")).unwrap_or_default();
            wanted.push_str(&format!("\n## {word}\n\n**{status}**{retry}. \"{}\"\n", reason.sentence()));
            wanted.push_str(&format!("\n{}\n\nWhat to do: {}\n", reason.meaning(), reason.remedy()));
        }
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(path, &wanted).unwrap();
        } else {
            assert!(page == wanted, "{path} is out of date; UPDATE_REFERENCE=1 writes it anew");
        }
    }
}
