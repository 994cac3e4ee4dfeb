//! What the schema has in this area and this server has not, with the reason that the reference page gives to users.
//!
//! A name is a type, `type/member` or `type/operation()`; `*` stands for every type. A type that is named stands for its
//! members too. A test compares this list and the model with the names of the schema: each must be in one of the two.

/// A name of the schema, and why it is not served.
pub(crate) type NotServed = (&'static str, &'static str);

/// Everything of the schema that is not served.
pub(crate) const NOT_SERVED: &[NotServed] = &[
    ("*/unknownFutureValue", SENTINEL),
    ("onPremisesPublishingProfile/agents", OTHER_HYBRID),
    ("onPremisesPublishingProfile/agentGroups", OTHER_HYBRID),
    ("onPremisesPublishingProfile/publishedResources", OTHER_HYBRID),
    ("onPremisesAgent", OTHER_HYBRID),
    ("onPremisesAgentGroup", OTHER_HYBRID),
    ("publishedResource", OTHER_HYBRID),
    ("agentStatus", OTHER_HYBRID),
    ("onPremisesPublishingType", OTHER_HYBRID),
    ("onPremisesPublishingProfile/sensors", SENSOR),
    ("privateAccessSensor", SENSOR),
    ("sensorStatus", SENSOR),
    ("onPremisesPublishingProfile/applicationSegments", NETWORK),
    ("ipSegmentConfiguration", NETWORK),
    ("ipApplicationSegment", NETWORK),
    ("actionType", NETWORK),
    ("privateNetworkDestinationType", NETWORK),
    ("privateNetworkProtocol", NETWORK),
    ("application/logo", LOGO),
    ("application/signInAudienceRestrictions", TENANTS),
    ("signInAudienceRestrictionsBase", TENANTS),
    ("kind", TENANTS),
    ("application/federatedIdentityCredentials", FEDERATED),
    ("servicePrincipal/federatedIdentityCredentials", FEDERATED),
    ("application/appManagementPolicies", POLICY),
    ("application/claimsMappingPolicies", POLICY),
    ("application/homeRealmDiscoveryPolicies", POLICY),
    ("application/tokenIssuancePolicies", POLICY),
    ("application/tokenLifetimePolicies", POLICY),
    ("servicePrincipal/appManagementPolicies", POLICY),
    ("servicePrincipal/claimsMappingPolicies", POLICY),
    ("servicePrincipal/homeRealmDiscoveryPolicies", POLICY),
    ("servicePrincipal/tokenIssuancePolicies", POLICY),
    ("servicePrincipal/tokenLifetimePolicies", POLICY),
    ("application/createdOnBehalfOf", CREATOR),
    ("servicePrincipal/createdObjects", CREATOR),
    ("servicePrincipal/ownedObjects", CREATOR),
    ("servicePrincipal/memberOf", MEMBERSHIP),
    ("servicePrincipal/transitiveMemberOf", MEMBERSHIP),
    ("application/getMemberGroups()", MEMBERSHIP),
    ("application/checkMemberGroups()", MEMBERSHIP),
    ("servicePrincipal/getMemberGroups()", MEMBERSHIP),
    ("servicePrincipal/checkMemberGroups()", MEMBERSHIP),
    ("application/extensionProperties", EXTENSION),
    ("servicePrincipal/customSecurityAttributes", EXTENSION),
    ("customSecurityAttributeValue", EXTENSION),
    ("application/synchronization", PROVISIONING),
    ("servicePrincipal/synchronization", PROVISIONING),
    ("servicePrincipal/licenseDetails", CLOUD),
    ("servicePrincipal/endpoints", CLOUD),
    ("servicePrincipal/remoteDesktopSecurityConfiguration", CLOUD),
    ("servicePrincipal/resourceSpecificApplicationPermissions", CLOUD),
    ("resourceSpecificPermission", CLOUD),
    ("servicePrincipal/oauth2PermissionGrants", CONSENT),
    ("servicePrincipal/delegatedPermissionClassifications", CONSENT),
    ("application/addKey()", SECRETS),
    ("application/removeKey()", SECRETS),
    ("servicePrincipal/addKey()", SECRETS),
    ("servicePrincipal/removeKey()", SECRETS),
    ("servicePrincipal/addTokenSigningCertificate()", SECRETS),
    ("application/setVerifiedPublisher()", GALLERY),
    ("application/unsetVerifiedPublisher()", GALLERY),
    ("application/certification", GALLERY),
    ("certification", GALLERY),
    ("directoryObject/getByIds()", BATCH),
    ("directoryObject/validateProperties()", BATCH),
    ("servicePrincipal/delta()", DELTA),
    ("directoryObject/delta()", DELTA),
    ("auditActivityInitiator/linkableIdentifiers", DEVICE),
    ("linkableIdentifiers", DEVICE),
    ("tokenDetails", DEVICE),
    ("auditLogRoot/auditActivityTypes", OTHER_LOGS),
    ("auditLogRoot/customSecurityAttributeAudits", OTHER_LOGS),
    ("auditLogRoot/directoryProvisioning", OTHER_LOGS),
    ("auditLogRoot/provisioning", OTHER_LOGS),
    ("auditLogRoot/signInEventsAppSummary", OTHER_LOGS),
    ("auditLogRoot/signInEventsSummary", OTHER_LOGS),
    ("auditLogRoot/signIns", OTHER_LOGS),
    ("applicationTemplate/deprecationDate", GALLERY),
    ("applicationTemplate/endpoints", GALLERY),
    ("applicationTemplate/isEntraIntegrated", GALLERY),
    ("applicationTemplate/lastModifiedDateTime", GALLERY),
    ("applicationTemplate/riskFactors", GALLERY),
    ("applicationTemplate/riskScore", GALLERY),
    ("applicationDataType", GALLERY),
    ("applicationLocation", GALLERY),
    ("applicationRiskFactorCertificateInfo", GALLERY),
    ("applicationRiskFactorGeneralInfo", GALLERY),
    ("applicationRiskFactorLegalInfo", GALLERY),
    ("applicationRiskFactorLegalInfoGdpr", GALLERY),
    ("applicationRiskFactorSecurityInfo", GALLERY),
    ("applicationRiskFactors", GALLERY),
    ("applicationRiskScore", GALLERY),
    ("applicationSecurityCompliance", GALLERY),
    ("csaStarLevel", GALLERY),
    ("dataProtection", GALLERY),
    ("dataRetentionLevel", GALLERY),
    ("fedRampLevel", GALLERY),
    ("holdType", GALLERY),
    ("passwordPolicy", GALLERY),
    ("pciVersion", GALLERY),
    ("restEncryptionType", GALLERY),
    ("sslVersion", GALLERY),
    ("userOwnership", GALLERY),
];

const SENTINEL: &str =
    "a mark for old clients, never a value; what the server returns is in the list of its enumeration";
const OTHER_HYBRID: &str =
    "for other hybrid products (provisioning, pass-through authentication); connectors are in `connectors`";
const SENSOR: &str = "sensors watch domain controllers, which are no part of application proxy";
const NETWORK: &str = "addresses and ports without HTTP are not forwarded; segments of web applications are served";
const LOGO: &str = "pictures are not kept";
const TENANTS: &str = "there is one tenant; which issuers are trusted is a setting of the server";
const FEDERATED: &str = "which foreign issuers are trusted is a setting of the server";
const POLICY: &str = "policies of this kind do not exist; sign-in is configured at the identity provider";
const CREATOR: &str = "who made and changed an object is in the directory audits; owners are in `owners`";
const MEMBERSHIP: &str = "service principals are in no groups; those of users and groups are in `memberOf`";
const EXTENSION: &str = "properties that a tenant defines itself are not kept";
const PROVISIONING: &str = "accounts are not provisioned into applications";
const CLOUD: &str = "about services of Microsoft's cloud";
const CONSENT: &str = "consent is given at the identity provider";
const SECRETS: &str = "programs prove themselves by secrets (`addPassword`); keys and certificates are not taken";
const GALLERY: &str = "about Microsoft's application gallery and its publishers";
const BATCH: &str = "use `$batch` for several objects";
const DELTA: &str = "only applications can be followed with `delta`";
const DEVICE: &str = "sessions and devices of administrators belong to the identity provider";
const OTHER_LOGS: &str = "only directory audits are recorded here; requests of users are in the gateway's access log";
