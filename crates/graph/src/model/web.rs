//! Where sign-in sends a browser back to: the `web`, `spa` and `publicClient` parts of an application.

use adit_odata::model::{ComplexType, Property, Type};

use super::STRINGS;

/// `microsoft.graph.webApplication`.
pub(super) static WEB_APPLICATION: ComplexType = ComplexType::new(
    "webApplication",
    &[
        Property::new("homePageUrl", Type::String),
        Property::new("implicitGrantSettings", Type::Complex(&IMPLICIT_GRANT_SETTINGS)),
        Property::new("logoutUrl", Type::String),
        Property::new("oauth2AllowImplicitFlow", Type::Boolean),
        Property::new("redirectUris", STRINGS).required(),
        Property::new("redirectUriSettings", Type::Collection(&Type::Complex(&REDIRECT_URI_SETTINGS))).required(),
    ],
);

/// `microsoft.graph.implicitGrantSettings`.
pub(super) static IMPLICIT_GRANT_SETTINGS: ComplexType = ComplexType::new(
    "implicitGrantSettings",
    &[Property::new("enableAccessTokenIssuance", Type::Boolean), Property::new("enableIdTokenIssuance", Type::Boolean)],
);

/// `microsoft.graph.spaApplication`.
pub(super) static SPA_APPLICATION: ComplexType =
    ComplexType::new("spaApplication", &[Property::new("redirectUris", STRINGS).required()]);

/// `microsoft.graph.publicClientApplication`.
pub(super) static PUBLIC_CLIENT_APPLICATION: ComplexType =
    ComplexType::new("publicClientApplication", &[Property::new("redirectUris", STRINGS).required()]);

/// `microsoft.graph.redirectUriSettings`.
pub(super) static REDIRECT_URI_SETTINGS: ComplexType =
    ComplexType::new("redirectUriSettings", &[Property::new("index", Type::Int32), Property::new("uri", Type::String)]);
