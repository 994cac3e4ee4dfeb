//! `microsoft.graph.onPremisesPublishingSingleSignOn`: how users are signed in at the upstream.

use adit_odata::model::{ComplexType, EnumType, Property, Type, member};

/// `microsoft.graph.onPremisesPublishingSingleSignOn`.
pub(super) static SINGLE_SIGN_ON: ComplexType = ComplexType::new(
    "onPremisesPublishingSingleSignOn",
    &[
        Property::new("kerberosSignOnSettings", Type::Complex(&KERBEROS_SIGN_ON_SETTINGS)),
        Property::new("singleSignOnMode", Type::Enum(&SINGLE_SIGN_ON_MODE)),
    ],
);

/// `microsoft.graph.singleSignOnMode`.
pub(super) static SINGLE_SIGN_ON_MODE: EnumType = EnumType::new(
    "singleSignOnMode",
    &[
        member("none", 0),
        member("onPremisesKerberos", 1),
        member("saml", 3),
        member("pingHeaderBased", 4),
        member("aadHeaderBased", 5),
        member("oAuthToken", 6),
    ],
);

/// `microsoft.graph.kerberosSignOnSettings`.
pub(super) static KERBEROS_SIGN_ON_SETTINGS: ComplexType = ComplexType::new(
    "kerberosSignOnSettings",
    &[
        Property::new("kerberosServicePrincipalName", Type::String),
        Property::new("kerberosSignOnMappingAttributeType", Type::Enum(&KERBEROS_SIGN_ON_MAPPING_ATTRIBUTE_TYPE)),
    ],
);

/// `microsoft.graph.kerberosSignOnMappingAttributeType`.
pub(super) static KERBEROS_SIGN_ON_MAPPING_ATTRIBUTE_TYPE: EnumType = EnumType::new(
    "kerberosSignOnMappingAttributeType",
    &[
        member("userPrincipalName", 0),
        member("onPremisesUserPrincipalName", 1),
        member("userPrincipalUsername", 2),
        member("onPremisesUserPrincipalUsername", 3),
        member("onPremisesSAMAccountName", 4),
    ],
);
