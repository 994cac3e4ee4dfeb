//! What the properties do, for the reference page: a small table, and what follows from the model for all others.

use adit_odata::model::{Property, Returned, SetBy};

/// Where a property is in effect without more to say.
const IN_EFFECT: &str = "in effect";

/// Where a later version acts on it.
const LATER: &str = "kept and given back; the effect comes later";

/// Where nothing is to be done with it here.
const KEPT: &str = "kept and given back, without effect";

/// Types and `type/property` with what they do. The property's own entry stands over that of its type.
pub(super) const EFFECTS: &[(&[&str], &str)] = &[
    (&["connector/externalIp", "connector/status", "connector/version"], "what the gateway sees"),
    (
        &["connector/machineName"],
        "what the connector said when it registered, or the name by which it was announced before",
    ),
    (&["connectorGroup/name"], "in effect; unique without regard to case"),
    (
        &["connectorGroup/region"],
        "a label; with one gateway it decides nothing; it changes only while the group is empty",
    ),
    (
        &[
            "onPremisesPublishingProfile/isEnabled",
            "onPremisesPublishingProfile/isDefaultAccessEnabled",
            "onPremisesPublishingProfile/hybridAgentUpdaterConfiguration",
            "hybridAgentUpdaterConfiguration",
            "updateWindow",
        ],
        LATER,
    ),
    (
        &["onPremisesPublishing/externalUrl", "onPremisesPublishing/internalUrl"],
        "in effect; `*.` before a domain, on both sides and without a path, stands for every name below it; an \
         external path is written without escapes that it does not need",
    ),
    (
        &["onPremisesPublishing/externalAuthenticationType"],
        "in effect: `passthru`, or `aadPreAuthentication`, which is also the default and closed (503) where no sign-in \
         is configured",
    ),
    (
        &["onPremisesPublishing/isTranslateHostHeaderEnabled"],
        "in effect: which `Host` the application sees, and whether `Origin`, `Referer`, `Location`, \
         `Content-Location`, `Link`, `Refresh` and cookies' domains and paths are translated; cookies of an application \
         below a path are confined to it either way",
    ),
    (
        &["onPremisesPublishing/alternateUrl"],
        "in effect: a second URL at which users reach the application; no wildcard, and taken like an external URL",
    ),
    (
        &["onPremisesPublishing/adit"],
        "not in Graph: Adit's own settings, merged part by part; `null` brings a part, or all of them, back to their \
         defaults",
    ),
    (
        &["publishingSettings/upstreamProtocol"],
        "in effect: `automatic` (HTTP/1.1, and HTTP/2 for gRPC), `http1`, or `http2` (over `http` by prior knowledge)",
    ),
    (
        &["onPremisesPublishing/useAlternateUrlForTranslationAndRedirect"],
        "in effect: which of the two public URLs stands for an internal URL that names its host; paths and cookies are \
         those of the URL that was asked",
    ),
    (
        &["onPremisesPublishing/isTranslateLinksInBodyEnabled"],
        "in effect: links in HTML and CSS to internal URLs of any published application; compressed bodies up to 8 \
         MiB; `integrity` goes from links to style sheets of the application itself, whose text may change",
    ),
    (
        &["onPremisesPublishing/trafficRoutingMethod"],
        "in effect: with `sessionPersistence` a browser stays with its connector, by a cookie; else the less busy of \
         two random connectors is taken",
    ),
    (
        &["publishingSettings/connectTimeoutInSeconds"],
        "in effect: until the upstream has accepted the connection, TLS included; the connector's own limit is 5 s, \
         and 5 s more for TLS",
    ),
    (
        &["publishingSettings/firstByteTimeoutInSeconds"],
        "in effect: from the end of the request (and not before the connection is open) to the start of the answer, \
         instead of `applicationServerTimeout`",
    ),
    (
        &["publishingSettings/idleTimeoutInSeconds"],
        "in effect: between two parts of an answer's body, which then breaks off; a WebSocket ends when neither side \
         has said anything for so long (10 min where it is not set)",
    ),
    (
        &["publishingSettings/totalTimeoutInSeconds"],
        "in effect: from the request to the last byte of its answer; not for WebSockets",
    ),
    (
        &["publishingSettings/isInMaintenance"],
        "in effect: everybody gets a page (503, reason `maintenance`, `Retry-After`), and nothing is forwarded",
    ),
    (
        &["publishingSettings/maintenanceText"],
        "in effect: plain text of up to 500 characters for that page; kept while the application is open",
    ),
    (
        &["publishingSettings/healthProbePath"],
        "in effect: each connector of the group asks the upstream for this path (and query), also when nobody uses the \
         application, and what comes of it counts for `adit.health` and for the choice of a connector; see \
         [health.md](health.md). Without it nothing is probed",
    ),
    (
        &["publishingSettings/healthProbeIntervalInSeconds"],
        "in effect: how often each connector does, 5 to 3600; 30 where it is not set",
    ),
    (
        &["publishingSettings/healthProbeTimeoutInSeconds"],
        "in effect: how long that may take, connecting included, 1 to 60; 5 where it is not set",
    ),
    (
        &["publishingSettings/healthProbeStatuses"],
        "in effect: which statuses are good, `200` or a range as in `200-399`, which holds where it is not set; none \
         beyond 499",
    ),
    (
        &["publishingSettings/signOnHeaders"],
        "in effect with `aadHeaderBased`: up to 16 headers, each with what it says of who asks, in a list that is set as \
         a whole; clients cannot set headers of these names, in either mode; see \
         [identity.md](identity.md#what-applications-are-told)",
    ),
    (
        &["publishingSettings/isAssertionEnabled"],
        "in effect with `aadHeaderBased`: whether a signed assertion goes along; `true` unless set",
    ),
    (&["signOnHeader/header"], "in effect: no name that means something else, and none twice in whatever spelling"),
    (
        &["signOnHeader/claim"],
        "in effect: `id`, `userPrincipalName`, `displayName`, `mail`, `groups`, `appRoles`, `issuer` or `subject`",
    ),
    (
        &["onPremisesPublishing/singleSignOnSettings"],
        "in effect: with `aadHeaderBased` the upstream is told who asks; see \
         [identity.md](identity.md#what-applications-are-told)",
    ),
    (
        &["onPremisesPublishingSingleSignOn/singleSignOnMode"],
        "in effect: `none` or `aadHeaderBased`; `onPremisesKerberos` is kept and given back, without effect; others are \
         refused",
    ),
    (&["onPremisesPublishingSingleSignOn/kerberosSignOnSettings", "kerberosSignOnSettings"], LATER),
    (&["onPremisesPublishing/isBackendCertificateValidationEnabled"], IN_EFFECT),
    (
        &["onPremisesPublishing/applicationServerTimeout"],
        "in effect: how long until the answer begins, 85 s, or 180 s with `long`",
    ),
    (
        &["onPremisesPublishing/verifiedCustomDomainKeyCredential"],
        "a PFX in base64, checked, kept sealed and shown by the gateway, never returned; see \
         [certificates.md](certificates.md)",
    ),
    (&["onPremisesPublishing/verifiedCustomDomainPasswordCredential"], "the password of the PFX; never returned"),
    (
        &["onPremisesPublishing/verifiedCustomDomainCertificatesMetadata"],
        "set by the server from the certificate that was uploaded",
    ),
    (
        &["onPremisesPublishing/isHttpOnlyCookieEnabled", "onPremisesPublishing/isPersistentCookieEnabled"],
        "in effect, of the cookie of a session; unset is `true` and `false`",
    ),
    (
        &["onPremisesPublishing/isSecureCookieEnabled"],
        "kept and given back; the cookie of a session is always `Secure`",
    ),
    (
        &[
            "onPremisesPublishing/isStateSessionEnabled",
            "onPremisesPublishing/isContinuousAccessEvaluationEnabled",
            "onPremisesPublishing/segmentsConfiguration",
            "webApplicationSegment",
            "corsConfiguration_v2",
        ],
        LATER,
    ),
    (&["onPremisesPublishing/onPremisesApplicationSegments"], "the older form of segments: kept, without effect"),
    (&["application/displayName"], IN_EFFECT),
    (&["application/onPremisesPublishing"], "returned on `$select` and at its own path; see onPremisesPublishing"),
    (&["application/authenticationBehaviors"], "kept and returned on `$select`, without effect"),
    (
        &["application/identifierUris"],
        "kept and given back; access tokens for the application may have one as audience; must differ by more than case",
    ),
    (
        &["application/tags", "servicePrincipal/tags"],
        "kept and given back; a published application has two tags from the server, one of which goes with the \
         publishing",
    ),
    (&["application/appRoles", "servicePrincipal/appRoles", "appRole"], "in effect: the roles that can be assigned"),
    (
        &["application/keyCredentials", "servicePrincipal/keyCredentials"],
        "kept and given back, without effect; the key itself is not kept",
    ),
    (&["keyCredential/key"], "never returned; used only for an external URL"),
    (
        &["passwordCredential/secretText"],
        "made by the server and returned once, by `addPassword`; in `verifiedCustomDomainPasswordCredential` the \
         password of a PFX, never returned",
    ),
    (
        &["application/passwordCredentials", "servicePrincipal/passwordCredentials"],
        "in effect: the secrets by which a program gets tokens; changed by `addPassword` and `removePassword` alone, \
         ignored in a body; see [identity.md](identity.md)",
    ),
    (&["passwordCredential"], IN_EFFECT),
    (
        &["application/isDisabled", "servicePrincipal/isDisabled"],
        "in effect: what is disabled gets no token of the built-in provider, and an application that requires sign-in \
         admits nobody",
    ),
    (
        &["application/isFallbackPublicClient"],
        "in effect at the built-in provider: with `true` it signs users in by a device code",
    ),
    (
        &["webApplication/redirectUris", "spaApplication/redirectUris", "publicClientApplication/redirectUris"],
        "in effect at the built-in provider: where users are sent back to, letter for letter; see \
         [identity.md](identity.md)",
    ),
    (&["servicePrincipal/appId"], "in effect: names the application; one service principal each"),
    (&["servicePrincipal/displayName"], IN_EFFECT),
    (
        &["servicePrincipal/accountEnabled"],
        "in effect: `false` signs nobody in to the application or at the built-in provider for it, and gives it no token",
    ),
    (
        &["servicePrincipal/appRoleAssignmentRequired"],
        "in effect: only who is assigned, in person or through a group, signs in to the application",
    ),
    (
        &["user/userPrincipalName"],
        "in effect: `name@domain`, unique without regard to case; a key too: `/users/ada@corp.example`",
    ),
    (&["user/displayName", "group/displayName"], "in effect; assignments and owners show it"),
    (
        &["user/accountEnabled"],
        "in effect: who is disabled cannot sign in at the built-in provider and is admitted nowhere; their sessions end",
    ),
    (
        &["user/passwordProfile", "passwordProfile/password"],
        "taken, kept as an Argon2id hash, never returned; 12 characters to 256 bytes, four of them different, without \
         the user's name; see [identity.md](identity.md)",
    ),
    (
        &["passwordProfile/forceChangePasswordNextSignIn", "passwordProfile/forceChangePasswordNextSignInWithMfa"],
        "in effect at the built-in provider (`true` where it is not said): another password is chosen at the next sign-in",
    ),
    (&["group/mailEnabled"], "must be `false`: there are no mailboxes"),
    (&["group/securityEnabled"], "must be `true`"),
    (&["group/groupTypes"], "must be empty: members are put into a group one by one"),
    (
        &["appRoleAssignment/principalType"],
        "kept of principals of another issuer, `User` if it is not said; what the directory has itself it knows",
    ),
    (
        &["appRoleAssignment/appRoleId", "appRoleAssignment/principalId", "appRoleAssignment/resourceId"],
        "in effect: who is admitted, where only those are who are assigned, and in which roles",
    ),
];

/// What a property does.
pub(super) fn of(kind: &str, property: &Property) -> &'static str {
    let entry = |wanted: &str| EFFECTS.iter().find(|(paths, _)| paths.contains(&wanted)).map(|(_, effect)| *effect);
    entry(&format!("{kind}/{}", property.name)).unwrap_or_else(|| match (property.set_by, property.returned) {
        (SetBy::System, _) => "set by the server; ignored in a body",
        (SetBy::Client, Returned::Never) => "taken, never returned",
        (SetBy::Client, _) => entry(kind).unwrap_or(KEPT),
    })
}
