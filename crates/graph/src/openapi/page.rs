//! The page to browse the API: Swagger UI from its vendored archive. It loads nothing from anywhere else.

use std::collections::HashMap;
use std::io::{Cursor, Read as _};
use std::sync::LazyLock;

use bytes::Bytes;
use http::{Uri, header};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

use crate::answer::Answer;
use crate::error::GraphError;

/// Only what this server serves; Swagger UI sets styles on elements and draws its icons from `data:` URLs.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Adit: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

const START: &str = "window.ui = SwaggerUIBundle({url: 'openapi.json', dom_id: '#api', deepLinking: true, \
                     docExpansion: 'none', validatorUrl: null, tryItOutEnabled: true});\n";

/// The files of Swagger UI that the page needs.
const FILES: [(&str, &str); 2] =
    [("swagger-ui-bundle.js", "text/javascript;charset=utf-8"), ("swagger-ui.css", "text/css;charset=utf-8")];

static UNPACKED: LazyLock<HashMap<&'static str, Bytes>> = LazyLock::new(unpack);

/// A file of the page.
pub(crate) fn page(file: &str, uri: &Uri) -> Result<Answer, GraphError> {
    // With a slash at the end, the page's own relative links would lead elsewhere.
    if file == "index.html" && uri.path().ends_with('/') {
        return Err(GraphError::no_such_segment("docs/"));
    }
    let answer = match file {
        "index.html" => Answer::file("text/html;charset=utf-8", Bytes::from_static(PAGE.as_bytes())),
        "start.js" => Answer::file("text/javascript;charset=utf-8", Bytes::from_static(START.as_bytes())),
        _ => {
            let (name, kind) =
                FILES.iter().find(|(name, _)| *name == file).ok_or_else(|| GraphError::no_such_segment(file))?;
            let bytes = UNPACKED.get(name).cloned().ok_or_else(|| GraphError::no_such_segment(file))?;
            Answer::file(kind, bytes).with(header::CACHE_CONTROL, "public, max-age=3600")
        }
    };
    Ok(answer.with(header::CONTENT_SECURITY_POLICY, POLICY).with(header::X_FRAME_OPTIONS, "DENY"))
}

fn unpack() -> HashMap<&'static str, Bytes> {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)) else { return HashMap::new() };
    let names: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
    let mut files = HashMap::new();
    for (name, _) in FILES {
        let path = names.iter().find(|path| path.ends_with(&format!("/dist/{name}")));
        let mut bytes = Vec::new();
        let read = path.and_then(|path| archive.by_name(path).ok()).map(|mut file| file.read_to_end(&mut bytes));
        if matches!(read, Some(Ok(_))) {
            files.insert(name, Bytes::from(bytes));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_archive_and_nothing_is_loaded_from_elsewhere() {
        for (name, _) in FILES {
            assert!(UNPACKED[name].len() > 10_000, "{name}");
        }
        for text in [PAGE, START] {
            assert!(!text.contains("://"), "{text}");
        }
        assert!(page("nosuch.js", &Uri::from_static("/docs/nosuch.js")).is_err());
    }
}
